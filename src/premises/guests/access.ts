import { type Env, settings } from "#env.ts";
import { phoneOf, sameNumber } from "#identity/login/proof.ts";
import { phonesOf, withdrawPhone } from "#operator/billing-people.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import type { Phone } from "#platform/phones.ts";
import { announce } from "#platform/signals.ts";
import { instantOf } from "#platform/time.ts";
import { heldContract, type Resident } from "../homes.ts";
import { revokeCameras } from "../rights-queries.ts";
import type { HeldContract } from "./held.ts";
import { sendInvitation } from "./invitations.ts";
import { deleteGuest, deleteGuestsBy, guestBy, revokeCamerasOfGuest, upsertGuest } from "./queries.ts";
import { demandRole } from "./roles.ts";
import type { Guest } from "./tables.ts";

export interface AccessRequest {
  uid: number;
  /** The contract's login, where the app says it: it must be that contract's. */
  login?: string | undefined;
  /** As people write it; left out, the caller's own. */
  phone?: string | undefined;
  /** Left out: as it was, or `inner`. */
  type?: Guest["type"] | undefined;
  /** Past: the access ends. Left out: never for an inner guest, a day for an outer one. */
  expiresAt?: Date | undefined;
}

/** What came of it: it is done, or it is not ours to do and the operator has to be asked. */
export type AccessOutcome = "done" | "operator";

const DAY = 86_400_000;
/** How the apps write "never". */
const NEVER = "3001-01-01 00:00:00";

/**
 * Lets a phone in, changes how, or ends it; one's own phone with a past end leaves the contract. Only an owner decides about
 * others. Whoever is new is told by SMS, within the limits. Throws `not_found` for a foreign contract, `forbidden` for a guest
 * who decides about others, `invalid` for what is no mobile phone, `conflict` where the contract has all the guests it may have.
 */
export async function changeAccess(
  env: Env,
  resident: Resident,
  request: AccessRequest,
  client: string,
  now = new Date(),
): Promise<AccessOutcome> {
  const { COUNTRY, BILLING } = settings(env);
  const contract = await heldContract(env, resident, { uid: request.uid, fresh: true }, now);
  if (request.login !== undefined && request.login !== contract.login)
    throw new AppError("not_found", "You have no such contract");
  const ends = request.expiresAt !== undefined && request.expiresAt <= now;
  const isOwn = request.phone === undefined || sameNumber(request.phone, resident.phone, COUNTRY);
  if (isOwn && ends) return leaveHome(env, resident.phone, contract, now);
  demandRole(contract.role, "owner");
  if (isOwn) return "done";
  const { phone: guest } = phoneOf(settings(env), request.phone!);
  const owners = BILLING === "local" ? await phonesOf(env, contract.uid) : [];
  // Another owner's phone is the contract's own: that is no access which a resident gives or takes.
  if (owners.includes(guest.digits)) return ends ? "operator" : "done";
  if (ends) await shutOut(env, contract.uid, guest.digits, now);
  else if (await letIn(env, resident, { ...request, guest }, now))
    await invite(env, { contract, guest, client, isNew: true });
  return "done";
}

/** The resident gives the contract up: a guest their access, an owner the contract itself where our billing keeps it. */
async function leaveHome(env: Env, phone: string, { uid, role }: HeldContract, now: Date): Promise<AccessOutcome> {
  if (role !== "owner") {
    await shutOut(env, uid, phone, now);
    return "done";
  }
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const isGone = await withdrawPhone(env, uid, phone, [
    revokeCameras(db, OPERATOR, [uid], now),
    deleteGuestsBy(db, OPERATOR, uid, phone),
  ]);
  if (!isGone) return "operator";
  await announce(env, { type: "cameras.revoked" });
  return "done";
}

/** Ends a guest's access with their camera tokens. Somebody who had none is no error: the apps ask twice. */
async function shutOut(env: Env, uid: number, phone: string, now: Date): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await db.batch([revokeCamerasOfGuest(db, OPERATOR, uid, phone, now), deleteGuest(db, OPERATOR, uid, phone)]);
  await announce(env, { type: "cameras.revoked" });
}

/** True when the guest is a new one. */
async function letIn(
  env: Env,
  { phone: grantedBy }: Resident,
  { uid, type, expiresAt, guest: { digits: phone } }: AccessRequest & { guest: Phone },
  now: Date,
): Promise<boolean> {
  const [db, { OPERATOR: operator, LIMITS, TIME_ZONE }] = [database(env), settings(env)];
  const [before] = await guestBy(db, operator, uid, phone);
  const known = before && before.expiresAt > now ? before : undefined;
  const as = type ?? known?.type ?? "inner";
  const until = expiresAt ?? (as === "inner" ? instantOf(NEVER, TIME_ZONE)! : new Date(now.getTime() + DAY));
  const row = { operator, uid, phone, type: as, expiresAt: until, grantedBy, createdAt: now };
  const upsert = upsertGuest(db, row, LIMITS.guestsPerHome);
  // What the row says now decides, living or not: a token may be left from before, or somebody may have changed it meanwhile.
  const revoke = revokeCamerasOfGuest(db, operator, uid, phone, now);
  const made = as === "outer" ? (await db.batch([revoke, upsert]))[1] : await upsert;
  if (made.length === 0) throw new AppError("conflict", "There are too many guests", { reason: "too_many_guests" });
  if (as === "outer") await announce(env, { type: "cameras.revoked" });
  return known === undefined;
}

/** Over the limits nobody is told, and the access is good all the same. */
async function invite(env: Env, invitation: Parameters<typeof sendInvitation>[1]): Promise<void> {
  try {
    await sendInvitation(env, invitation);
  } catch (error) {
    logError("invitation of a guest", error);
  }
}

/** Sends the invitation again. Throws as `changeAccess` does, `not_found` for nobody's guest, `too_many` within the limits. */
export async function inviteAgain(
  env: Env,
  resident: Resident,
  { uid, phone: text }: { uid: number; phone: string },
  client: string,
  now = new Date(),
): Promise<void> {
  const contract = await heldContract(env, resident, { uid, fresh: true }, now);
  demandRole(contract.role, "owner");
  const { phone: guest } = phoneOf(settings(env), text);
  const [known] = await guestBy(database(env), settings(env).OPERATOR, uid, guest.digits);
  if (!known || known.expiresAt <= now) throw new AppError("not_found", "There is no such guest");
  const refused = await sendInvitation(env, { contract, guest, client, isNew: false }, now);
  if (refused) throw new AppError("too_many", "Too many invitations, wait a little", refused);
}
