import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { type ChallengeAnswer, openChallenge, type Requester, redeemChallenge } from "../login/challenges.ts";
import { checkPassword, takeSecondStepTry } from "../login/password-login.ts";
import { useChallenge } from "../login/queries.ts";
import { targetOf } from "../login/targets.ts";
import { renewAuth, sessionById } from "../sessions/queries.ts";
import { rememberAlive } from "../sessions/sessions.ts";
import type { Amr, Session } from "../sessions/tables.ts";
import { mintAccessToken } from "../tokens/access-token.ts";
import type { TokenAnswer } from "../tokens/issue.ts";
import { signingKeyStates } from "../tokens/queries.ts";
import { signingKey } from "../tokens/signing-keys.ts";
import type { Subject } from "../tokens/subject.ts";
import { checkTotp } from "../totp/totp.ts";
import { accountById, identifiersOf } from "./queries.ts";

/** Sends the caller a code by which they can prove again who they are. Throws `channel_unavailable` where they have no such identifier. */
export async function openReauth(
  env: Env,
  caller: Subject,
  requester: Requester,
  channel: "sms" | "email" | undefined,
  now = new Date(),
): Promise<ChallengeAnswer> {
  const wanted = channel && (channel === "sms" ? "phone" : "email");
  const identifiers = await identifiersOf(database(env), caller.operator, caller.id);
  const own = identifiers
    .filter(({ verifiedAt, type }) => verifiedAt !== null && (!wanted || type === wanted))
    .toSorted((a, b) => Number(b.type === "phone") - Number(a.type === "phone"));
  if (!own[0]) throw fail("channel_unavailable");
  const target = targetOf(requester.operator, asTyped(own[0]));
  return openChallenge(env, requester, { purpose: "reauth", target, account: caller.id, deliver: "code" }, now);
}

const asTyped = ({ type, value }: { type: "phone" | "email"; value: string }) => ({
  type,
  value: type === "phone" ? `+${value}` : value,
});

export type Proof =
  | { method: "password"; password: string }
  | { method: "sms" | "code"; challengeId: string; code: string }
  | { method: "totp"; code: string };

/**
 * A new access token of the same session for somebody who has proven again who they are. The session may gain by it: a password or
 * six digits make up for four. Throws whatever the proof is refused with, and `session_revoked` where the session ended meanwhile.
 */
export async function reauthenticate(
  env: Env,
  caller: Subject,
  requester: Requester,
  proof: Proof,
  actor: Actor,
  later: After,
  now = new Date(),
): Promise<Omit<TokenAnswer, "refresh_token" | "refresh_expires_in">> {
  const { operator, id, session } = caller;
  const proven = await check(env, caller, requester, proof, later, now);
  const db = database(env);
  const [account, known] = await Promise.all([accountById(db, operator, id), sessionById(db, operator, session)]);
  if (account?.status !== "active" || !known) throw fail("session_revoked");
  const amr = [...new Set([...known.amr, ...proven.amr])];
  const acr: Session["acr"] = proven.isFirm ? "normal" : known.acr;
  const entry = {
    ...{ action: "session.reauthenticated", target: { kind: "session", id: session } },
    after: { method: proof.method },
  };
  const [renewed, , , states] = await db.batch([
    renewAuth(db, operator, session, now, amr, acr),
    journal(db, operator, actor, entry, now)[0],
    useChallenge(db, operator, proven.challenge ?? "", now),
    signingKeyStates(db),
  ]);
  if (renewed.length === 0) throw fail("session_revoked");
  later(() => rememberAlive(env, { id: session, operator, subject: id, epoch: account.epoch }, now));
  const seconds = settings(env).LIMITS.accessSeconds;
  const subject = { ...caller, amr, acr, authAt: now, epoch: account.epoch };
  const token = await mintAccessToken(env, signingKey(env, states), subject, seconds, now);
  return {
    ...{ access_token: token, token_type: "Bearer", expires_in: seconds },
    ...{ scope: caller.scopes.join(" "), session_id: session },
  };
}

interface Proven {
  amr: Amr[];
  /** More than four digits. */
  isFirm: boolean;
  challenge?: string;
}

async function check(
  env: Env,
  { operator, id }: Subject,
  requester: Requester,
  proof: Proof,
  later: After,
  now: Date,
): Promise<Proven> {
  const { address } = requester;
  switch (proof.method) {
    case "password": {
      await checkPassword(env, operator, { account: id }, { password: proof.password, address }, now);
      return { amr: ["pwd"], isFirm: true };
    }
    case "totp": {
      const wasRight = await takeSecondStepTry(env, operator, { account: id, address }, now);
      if (!(await checkTotp(env, operator, id, proof.code, now))) throw fail("totp_invalid");
      await wasRight();
      return { amr: ["otp"], isFirm: true };
    }
    default: {
      const wanted = { id: proof.challengeId, code: proof.code, purposes: ["reauth", "login"] } as const;
      const challenge = await redeemChallenge(env, requester, wanted, later, now);
      // Somebody who holds another account's code has proven to be another.
      if (challenge.accountId !== id) throw fail("code_invalid", { extra: { tries_left: 0 } });
      const amr: Amr[] = ["otp", challenge.type === "phone" ? "sms" : "mail"];
      return { amr, isFirm: challenge.length >= 6, challenge: challenge.id };
    }
  }
}
