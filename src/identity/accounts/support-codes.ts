import type { Env } from "#env.ts";
import { messagesOfAccount } from "#messaging/queries.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { database } from "#platform/db.ts";
import type { Client } from "../clients/tables.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { isShutOut } from "../login/admission.ts";
import { openChallenge, type Requester } from "../login/challenges.ts";
import { OPERATIONS } from "../login/queries.ts";
import { masked, targetOf } from "../login/targets.ts";
import { accountById, identifiersOf } from "./queries.ts";

// Codes at support's wish. They go to the customer, whose app needs no challenge to redeem them; support never sees one.

export interface SentCode {
  challenge_id: string;
  /** In the list of messages. */
  message_id: string | null;
  channel: "sms" | "email";
  /** Seconds. */
  expires_in: number;
}

/**
 * Sends a code that activates an inactive account. Throws `account_not_found`, `already_in_state`, `channel_unavailable`, and like
 * any other code `resend_too_soon`, `target_blocked`, `rate_limited`.
 */
export async function sendActivation(
  env: Env,
  operator: Operator,
  accountId: string,
  channel: "sms" | "email" | undefined,
  actor: Actor,
  now = new Date(),
): Promise<SentCode> {
  const account = await accountById(database(env), operator.id, accountId);
  if (!account || account.status === "deleted") throw fail("account_not_found");
  if (account.status !== "inactive") throw fail("already_in_state");
  return sendCode(env, operator, { accountId, channel, purpose: "activation" }, actor, now);
}

/** Sends a code to sign in with. Throws as `sendActivation` does, and `account_not_active`, `account_banned`. */
export async function sendLoginCode(
  env: Env,
  operator: Operator,
  accountId: string,
  channel: "sms" | "email" | undefined,
  actor: Actor,
  now = new Date(),
): Promise<SentCode> {
  const account = await accountById(database(env), operator.id, accountId);
  if (!account || account.status === "deleted") throw fail("account_not_found");
  if (account.status === "inactive") throw fail("account_not_active");
  if (isShutOut(account, now)) throw fail("account_banned");
  return sendCode(env, operator, { accountId, channel, purpose: "login" }, actor, now);
}

interface Wanted {
  accountId: string;
  channel: "sms" | "email" | undefined;
  purpose: "activation" | "login";
}

async function sendCode(
  env: Env,
  operator: Operator,
  { accountId, channel, purpose }: Wanted,
  actor: Actor,
  now: Date,
): Promise<SentCode> {
  const db = database(env);
  const types = channel === undefined ? ["phone", "email"] : [channel === "sms" ? "phone" : "email"];
  const usable = (await identifiersOf(db, operator.id, accountId)).filter(
    ({ type, verifiedAt }) => types.includes(type) && (purpose === "activation" || verifiedAt !== null),
  );
  const identifier = usable.find(({ type }) => type === "phone") ?? usable[0];
  if (!identifier) throw fail("channel_unavailable");
  const { type, value } = identifier;
  const target = targetOf(operator, { type, value: type === "phone" ? `+${value}` : value });
  const entry = {
    ...{ action: `account.${purpose}_code_sent`, target: { kind: "account", id: accountId } },
    after: { [type]: masked(identifier) },
  };
  const along = () => journal(db, operator.id, actor, entry, now, "always");
  const opening = { purpose, target, account: accountId, deliver: "code", along } as const;
  const sent = await openChallenge(env, requesterFor(operator, actor), opening, now);
  const [message] = await messagesOfAccount(db, operator.id, accountId, 1);
  const { challenge_id, expires_in } = sent;
  return { challenge_id, message_id: message?.id ?? null, channel: sent.channel, expires_in };
}

/** Operations in a client's place: it has no secret and no token, and codes of six digits. */
function requesterFor(operator: Operator, actor: Actor): Requester {
  const client: Client = {
    ...{ operator: operator.id, id: OPERATIONS, name: "Operations", appType: "operations", source: "operations" },
    ...{ kind: "confidential", secretHash: null, firstParty: true, methods: [], scopes: [], aud: [], origins: [] },
    ...{ otpLength: 6, loginOnActivation: false, status: "active", createdAt: new Date(0), ver: 1 },
  };
  return { client, operator, address: actor.ip ?? "0.0.0.0" };
}
