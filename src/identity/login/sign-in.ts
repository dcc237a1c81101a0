import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { tellOwner } from "../accounts/notices.ts";
import { networkOf } from "../codes/budgets.ts";
import { openDeviceTokens } from "../controllers/authenticate.ts";
import type { Actor } from "../journal/journal.ts";
import type { Amr, DeviceInfo, Session } from "../sessions/tables.ts";
import { openTokens, type TokenAnswer } from "../tokens/issue.ts";
import { admit, startAfresh } from "./admission.ts";
import type { Requester } from "./challenges.ts";
import { earlierSessions, type Holder, noteLogin } from "./holder-queries.ts";
import { insertMfaToken } from "./mfa-queries.ts";
import { type Claim, type IdProvider, idProvider, type ProvenPerson } from "./provider.ts";
import {
  demandMailCodes,
  demandMethod,
  isDormant,
  needsTwoSteps,
  type SecondMethod,
  secondMethodsOf,
} from "./ways-in.ts";

/** Where somebody signs in from, for the list of sessions and the journal. */
export interface Origin {
  device: DeviceInfo;
  city?: string | undefined;
  actorFor: (id: string, kind?: "account" | "device") => Actor;
}

export type SignedInAnswer = TokenAnswer & { account?: { id: string; name: string | null }; device?: { id: string } };

/** The first of two steps was right: no tokens yet. `expires_in` in seconds. */
export interface SecondStepAnswer {
  mfa_required: true;
  mfa_token: string;
  expires_in: number;
  methods: SecondMethod[];
}

/**
 * Signs a person or a controller in. Throws `method_not_allowed_for_client`; as the proof does: `invalid_credentials`, `code_invalid`,
 * `code_exhausted`, `password_login_locked`; and only after a right one `account_banned`, `account_not_active`, `device_banned`.
 */
export async function signIn(
  env: Env,
  requester: Requester,
  claim: Claim,
  origin: Origin,
  later: After,
  now = new Date(),
  provider: IdProvider = idProvider,
): Promise<SignedInAnswer | SecondStepAnswer> {
  demandMethod(requester, claim.method);
  if (claim.method === "code" && claim.login.type === "email") demandMailCodes(requester);
  const proof = await provider.prove(env, requester, claim, origin.actorFor, later, now);
  if (proof.kind === "account") return letIn(env, requester, proof, origin, later, now);
  const { controller } = proof;
  const { address, client } = requester;
  const actor = origin.actorFor(controller.id, "device");
  const place = { address, city: origin.city };
  const tokens = await openDeviceTokens(env, controller, client, place, actor, later, now);
  return { ...tokens, device: { id: controller.id } };
}

/** Decides what one right proof is worth: a session, a question for another proof, or a fresh account. */
async function letIn(env: Env, requester: Requester, proof: ProvenPerson, origin: Origin, later: After, now: Date) {
  const { operator } = requester;
  const { holder, target, amr, acr, isNew, along } = proof;
  await admit(env, operator.id, holder, now);
  const isDoubtful = amr.includes("sms") && isDormant(env, holder, now);
  if (!isNew && (isDoubtful || needsTwoSteps(requester, holder))) {
    const methods = secondMethodsOf(env, requester, holder, amr);
    if (methods.length > 0)
      return askForMore(env, requester, holder, { amr, methods, device: origin.device, along }, now);
    // Who has but a phone signs in by nothing else; where two steps are the rule, a password can be set by the phone first.
    if (!isDoubtful) throw fail("method_not_allowed_for_client");
  }
  if (!isDoubtful) return openSessionFor(env, requester, { holder, amr, acr }, origin, later, now, along);
  const fresh = await startAfresh(env, operator.id, holder, target, origin.actorFor(holder.id), now);
  return openSessionFor(env, requester, { holder: fresh, amr, acr }, origin, later, now, along);
}

interface Half {
  amr: Amr[];
  methods: SecondMethod[];
  device: DeviceInfo;
  along: Statement[];
}

async function askForMore(
  env: Env,
  { client, operator }: Requester,
  holder: Holder,
  { amr, methods, device, along }: Half,
  now: Date,
): Promise<SecondStepAnswer> {
  const db = database(env);
  const seconds = settings(env).LIMITS.mfaSeconds;
  const token = randomId(32);
  await db.batch([
    insertMfaToken(db, {
      ...{ operator: operator.id, hash: sha256(token), subjectId: holder.id, clientId: client.id, amr, device },
      expiresAt: new Date(now.getTime() + seconds * 1000),
    }),
    ...along,
  ]);
  return { mfa_required: true, mfa_token: token, expires_in: seconds, methods };
}

/** Opens the session of a person of whom enough is proven, and tells them of it where the device is new. */
export async function openSessionFor(
  env: Env,
  { client, operator, address }: Requester,
  { holder, amr, acr }: { holder: Holder; amr: Amr[]; acr: Session["acr"] },
  { device, city, actorFor }: Origin,
  later: After,
  now: Date,
  along: readonly Statement[] = [],
): Promise<SignedInAnswer> {
  const { id, name, epoch } = holder;
  const session = { operator: operator.id, kind: "account" as const, subject: id, epoch, client: client.id };
  const tokens = await openTokens(
    env,
    { ...session, scopes: ["account"], amr, acr, device, address, city },
    actorFor(id),
    later,
    now,
    [noteLogin(database(env), operator.id, id, now), ...along],
  );
  const place = { installId: device.installId ?? null, ipPrefix: networkOf(address) };
  later(() => tellOfNewDevice(env, operator.id, { subjectId: id, id: tokens.session_id, ...place }));
  return { ...tokens, account: { id, name } };
}

/** Somebody's very first session is news to nobody. */
async function tellOfNewDevice(
  env: Env,
  operator: string,
  session: Parameters<typeof earlierSessions>[2],
): Promise<void> {
  const earlier = await earlierSessions(database(env), operator, session);
  if (earlier && earlier.all > 0 && earlier.same === 0) await tellOwner(env, operator, session.subjectId, "new_login");
}
