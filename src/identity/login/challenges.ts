import { type Env, settings } from "#env.ts";
import { acceptMail, acceptSms } from "#messaging/outbox.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { keyFor, newId, shortMac } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { accountById } from "../accounts/queries.ts";
import type { Client } from "../clients/tables.ts";
import { budgetsOf, forgiveGuess, noteEntered, takeGuess, takeSend } from "../codes/budgets.ts";
import type { CodePolicy } from "../codes/code-state.ts";
import type { GuessVerdict } from "../codes/guess-rules.ts";
import type { SendVerdict } from "../codes/send-rules.ts";
import { isShutOut } from "./admission.ts";
import { codesFor, policyOf } from "./proof.ts";
import {
  challengeClient,
  insertChallenge,
  newestChallenge,
  OPERATIONS,
  openChallengeRow,
  prolongChallenge,
} from "./queries.ts";
import type { Challenge } from "./tables.ts";
import { demandChannel, type Target } from "./targets.ts";
import { codeText, existsText } from "./texts.ts";

// A challenge says what a code proves: for whom, at which client, to what end. The row in D1 says that; the code, its
// tries and all the limits are with the target's Durable Object, which is the same for every purpose.

/** The client's side of a request. */
export interface Requester {
  client: Client;
  operator: Operator;
  /** Client address, as Cloudflare saw it. */
  address: string;
  /** What the install tells of itself; one that signed in before has a reserve of its own. */
  install?: string | undefined;
}

/** The same whether or not there is anybody behind the login. Seconds. */
export interface ChallengeAnswer {
  challenge_id: string;
  channel: "sms" | "email";
  code_length: number;
  expires_in: number;
  resend_in: number;
}

interface Opening {
  purpose: Challenge["purpose"];
  target: Target;
  /** Whose code it is; null for a decoy, and for somebody who has no account yet. */
  account: string | null;
  /** `exists`: not a code leaves, but the hint that there is an account. `nothing`: a decoy, with all the same work. */
  deliver: "code" | "exists" | "nothing";
  /** Written in the same batch. `id` of the challenge is known to it. Called when the limits have allowed the send: work that costs belongs here. */
  along?: (id: string) => Statement[] | Promise<Statement[]>;
}

/** Sends a code, or does as if. Throws `channel_unavailable`, `resend_too_soon`, `target_blocked`, `rate_limited`. */
export async function openChallenge(
  env: Env,
  requester: Requester,
  { purpose, target, account, deliver, along = () => [] }: Opening,
  now = new Date(),
): Promise<ChallengeAnswer> {
  const { client, operator } = requester;
  demandChannel(settings(env), operator, target);
  const id = newId("ch");
  const policy = challengePolicy(env, client, target);
  const expiresAt = new Date(now.getTime() + policy.lifeMs);
  const sent = await send(env, requester, { id, purpose, target, account, deliver, policy }, now, async () => {
    const db = database(env);
    const changes = await along(id);
    await db.batch([
      insertChallenge(db, {
        ...{ operator: operator.id, id, purpose, clientId: client.id, type: target.type, value: target.value },
        ...{ country: target.country, accountId: account, length: client.otpLength, createdAt: now, expiresAt },
      }),
      ...changes,
    ]);
  });
  return answerOf(id, target, policy, sent, now);
}

/** Which client asked for a challenge, for whoever does not say so again. Throws `code_invalid` for no challenge. */
export async function clientOfChallenge(env: Env, id: string): Promise<string> {
  const [client] = await challengeClient(database(env), id, settings(env).OPERATOR);
  if (!client) throw fail("code_invalid", { extra: { tries_left: 0 } });
  return client.id;
}

/** A new code for the same challenge; the old one is dead. Throws as `openChallenge` does, and `code_invalid` for no open challenge. */
export async function resendChallenge(
  env: Env,
  requester: Requester,
  id: string,
  now = new Date(),
): Promise<ChallengeAnswer> {
  const { client, operator } = requester;
  const db = database(env);
  const row = await openChallengeRow(db, operator.id, id, now);
  if (!row || row.clientId !== client.id) throw fail("code_invalid", { extra: { tries_left: 0 } });
  const target = { type: row.type, value: row.value, country: row.country };
  const policy = challengePolicy(env, client, target);
  // Asked for a decoy too, so that the two cost the same.
  const owner = await accountById(db, operator.id, row.accountId ?? "");
  const isGone = row.accountId !== null && (!owner || owner.status === "deleted" || isShutOut(owner, now));
  const opening = {
    id,
    purpose: row.purpose,
    target,
    account: row.accountId,
    deliver: isDecoy(row) || isGone ? "nothing" : "code",
    policy,
  } as const;
  const sent = await send(env, requester, opening, now, () =>
    prolongChallenge(db, operator.id, id, new Date(now.getTime() + policy.lifeMs)),
  );
  return answerOf(id, target, policy, sent, now);
}

interface Sending extends Omit<Opening, "along"> {
  id: string;
  policy: CodePolicy;
}

/** Takes the send out of every limit, writes down what it is for, and hands it to messaging. What fails gives back what it took. */
async function send(env: Env, requester: Requester, sending: Sending, now: Date, write: () => Promise<unknown>) {
  const { address, operator } = requester;
  const { id, target, policy } = sending;
  const codes = codesFor(env, operator.id, target);
  const issued = await codes.issue({ policy, install: installMac(env, requester, target), binding: id }, now.getTime());
  if (!issued.allowed) throw refusedSend(issued);
  const budgets = budgetsOf(
    env,
    address,
    target.country,
    target.type === "email" ? ["address"] : undefined,
    operator.id,
  );
  const refused = await takeSend(env, budgets, target.country, now);
  if (refused) {
    await codes.withdraw(issued.id, now.getTime());
    throw fail("rate_limited", { retryAfter: refused.retryAfter });
  }
  try {
    await write();
    await deliver(env, operator, sending, issued, now);
  } catch (error) {
    await codes.withdraw(issued.id, now.getTime());
    await Promise.all(budgets.map(({ budget }) => budget.release(now.getTime())));
    throw error;
  }
  return issued;
}

async function deliver(
  env: Env,
  operator: Operator,
  sending: Sending,
  issued: { code: string; expiresAt: number },
  now: Date,
) {
  const { target, purpose, account } = sending;
  const { subject, text } =
    sending.deliver === "exists" ? existsText(operator) : codeText(operator, purpose, issued.code);
  // A decoy's message is written like any other, and has expired before it can leave: nothing tells the two apart.
  const expiresAt = sending.deliver === "nothing" ? now : new Date(issued.expiresAt);
  const message = { to: target.value, purpose, expiresAt, operator: operator.id, ...(account && { account }) };
  if (target.type === "phone") await acceptSms(env, { ...message, text }, now);
  else await acceptMail(env, { ...message, subject, text }, now);
}

function refusedSend({ reason, retryAfter }: Extract<SendVerdict, { allowed: false }>) {
  return fail(reason === "gap" ? "resend_too_soon" : "target_blocked", { retryAfter });
}

interface Redeeming {
  /** Left out where Operations sent the code: then the newest such one to `target` is meant. */
  id: string | undefined;
  /** Without an id, one that the client itself asked for will do as well. */
  orOwn?: boolean | undefined;
  code: string;
  /** The login that the request names; where it names none, the challenge's own counts. */
  target?: Target | undefined;
  purposes: readonly Challenge["purpose"][];
}

/**
 * Exchanges a code for the challenge that it answers, once. One answer for whatever is wrong: no such challenge, another
 * client's, another login's, another purpose's, too old, used, a wrong code (`code_invalid` with `tries_left`); `code_exhausted`
 * when the tries are used up. A decoy never opens.
 */
export async function redeemChallenge(
  env: Env,
  requester: Requester,
  { id: named, orOwn = false, code, target, purposes }: Redeeming,
  later: After,
  now = new Date(),
): Promise<Challenge> {
  const { client, operator, address } = requester;
  const db = database(env);
  const row =
    named === undefined
      ? target &&
        (await newestChallenge(db, operator.id, { target, clients: unnamedOf(client.id, orOwn), purposes }, now))
      : await openChallengeRow(db, operator.id, named, now);
  const isForClient = row && (row.clientId === client.id || (named === undefined && row.clientId === OPERATIONS));
  if (!isForClient || !purposes.includes(row.purpose)) throw fail("code_invalid", { extra: { tries_left: 0 } });
  const { id } = row;
  const policy = policyOf(settings(env), row.length);
  const isAnothers = target !== undefined && (target.type !== row.type || target.value !== row.value);
  const isTrusted = await takeGuess(env, address, now);
  const guesser = { install: installMac(env, requester, row), binding: id, isTrusted };
  // Somebody else's code counts as a wrong one, and is not even compared.
  const verdict = await codesFor(env, operator.id, row).verify(policy, guesser, isAnothers ? "" : code, now.getTime());
  if (isTrusted && !(!verdict.ok && verdict.reason === "wrong")) later(() => forgiveGuess(env, address, now));
  if (!verdict.ok) throw refusedGuess(verdict);
  if (isDecoy(row)) throw fail("code_invalid", { extra: { tries_left: 0 } });
  if (row.type === "phone") later(() => noteEntered(env, address, row.country, now, operator.id));
  return row;
}

// Only who signs in for the first time may have a code without having an account.
const isDecoy = ({ accountId, purpose }: Challenge): boolean => accountId === null && purpose !== "auto";

const unnamedOf = (client: string, orOwn: boolean): string[] => (orOwn ? [OPERATIONS, client] : [OPERATIONS]);

function refusedGuess({ reason, triesLeft, retryAfter }: Extract<GuessVerdict, { ok: false }>) {
  switch (reason) {
    case "wrong":
      return fail("code_invalid", { extra: { tries_left: triesLeft } });
    case "none":
      return fail("code_invalid", { extra: { tries_left: 0 } });
    case "exhausted":
      return fail("code_exhausted", { retryAfter, extra: { tries_left: 0 } });
    case "failures":
    case "locked":
      return fail("target_blocked", { retryAfter });
  }
}

/** Support reads nothing out: whoever called has to find the message first. Longer no code may live. */
const LONGEST_MS = 600_000;

/** What holds for the codes of this client: four digits get less of everything, mails have a day's limit of their own. */
function challengePolicy(env: Env, client: Client, { type }: Pick<Target, "type">): CodePolicy {
  const policy = {
    ...policyOf(settings(env), client.otpLength),
    ...(client.id === OPERATIONS && { lifeMs: LONGEST_MS }),
  };
  return type === "email" ? { ...policy, sendsPerDay: settings(env).LIMITS.mailsPerDay } : policy;
}

const installMac = (env: Env, { install }: Requester, { value }: { value: string }) =>
  install === undefined
    ? undefined
    : shortMac(keyFor(settings(env).PEPPERS.current.key, "install"), `${value}|${install}`);

const answerOf = (
  id: string,
  { type }: Target,
  policy: CodePolicy,
  sent: { nextAt: number },
  now: Date,
): ChallengeAnswer => ({
  ...{ challenge_id: id, channel: type === "phone" ? "sms" : "email", code_length: policy.length },
  expires_in: Math.floor(policy.lifeMs / 1000),
  resend_in: Math.max(0, Math.ceil((sent.nextAt - now.getTime()) / 1000)),
});
