import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database, type Statement } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import type { Method } from "../clients/tables.ts";
import { authenticateBySecret, type Proven } from "../controllers/authenticate.ts";
import type { Actor } from "../journal/journal.ts";
import type { Amr, Session } from "../sessions/tables.ts";
import { firstAccount } from "./admission.ts";
import { type Requester, redeemChallenge } from "./challenges.ts";
import { type Holder, holderOf } from "./holder-queries.ts";
import { checkPassword } from "./password-login.ts";
import { useChallenge } from "./queries.ts";
import { type Target, targetOf } from "./targets.ts";

/** What somebody shows to be let in. */
export interface Claim {
  method: Method;
  /** `dev:` and a serial is a controller's. */
  login: { type: "phone" | "email"; value: string };
  password?: string | undefined;
  /** Left out where Operations sent the code. */
  challengeId?: string | undefined;
  /** There was no room for a challenge's id: the newest code that the client asked for is meant. */
  newest?: boolean | undefined;
  code?: string | undefined;
}

/** A person, and how they proved who they are. */
export interface ProvenPerson {
  kind: "account";
  holder: Holder;
  target: Target;
  amr: Amr[];
  acr: Session["acr"];
  /** The account was made by this very login, so there is nothing in it to be guarded. */
  isNew: boolean;
  /** What proving it changes besides, for the batch that opens the session. */
  along: Statement[];
}

export type Proof = { kind: "device"; controller: Proven } | ProvenPerson;

/** Who answers for the data that somebody shows: throws, or says whose they are. No token is made before it has spoken. */
export interface IdProvider {
  prove(
    env: Env,
    requester: Requester,
    claim: Claim,
    actorFor: (id: string) => Actor,
    later: After,
    now: Date,
  ): Promise<Proof>;
}

/** Devices prove themselves to the controllers' store, people to the accounts'. */
export const idProvider: IdProvider = {
  async prove(env, requester, claim, actorFor, later, now) {
    const { operator, address } = requester;
    const { login, method, password = "" } = claim;
    if (method === "password" && login.value.startsWith("dev:")) {
      const serial = login.value.slice("dev:".length);
      return { kind: "device", controller: await authenticateBySecret(env, operator.id, serial, password, now) };
    }
    const target = targetOf(operator, login);
    if (method !== "password") return byCode(env, requester, { ...claim, target }, actorFor, later, now);
    const holder = await checkPassword(env, operator.id, { login: target }, { password, address }, now);
    return { kind: "account", holder, target, amr: ["pwd"], acr: "normal", isNew: false, along: [] };
  },
};

async function byCode(
  env: Env,
  requester: Requester,
  { method, target, challengeId, newest, code = "" }: Claim & { target: Target },
  actorFor: (id: string) => Actor,
  later: After,
  now: Date,
): Promise<ProvenPerson> {
  const { operator } = requester;
  // An SMS is `sms`; `code` is a mail, or whatever Operations sent.
  if (method === "sms" ? target.type !== "phone" : challengeId !== undefined && target.type !== "email")
    throw nothing();
  const redeeming = { id: challengeId, orOwn: newest, code, target, purposes: ["login", "auto"] } as const;
  const challenge = await redeemChallenge(env, requester, redeeming, later, now);
  const found = await holderOf(database(env), operator.id, { login: target });
  // Whose code it was may have lost the number since.
  if (challenge.accountId !== null && found?.id !== challenge.accountId) throw nothing();
  const holder = found ?? (await firstAccount(env, operator.id, target, actorFor, now));
  const channel = target.type === "phone" ? "sms" : "mail";
  return {
    ...{ kind: "account", holder, target, amr: [channel, "otp"], isNew: found === undefined },
    acr: challenge.length < 6 ? "low" : "normal",
    along: [useChallenge(database(env), operator.id, challenge.id, now)],
  };
}

const nothing = () => fail("code_invalid", { extra: { tries_left: 0 } });
