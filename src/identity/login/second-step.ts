import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import type { Actor } from "../journal/journal.ts";
import type { Amr } from "../sessions/tables.ts";
import { useRecoveryCode } from "../totp/recovery-codes.ts";
import { checkTotp } from "../totp/totp.ts";
import { admit } from "./admission.ts";
import { type ChallengeAnswer, openChallenge, type Requester, redeemChallenge } from "./challenges.ts";
import { type Holder, holderOf } from "./holder-queries.ts";
import { clientOfMfaToken, openMfaToken, takeMfaTry, useMfaToken } from "./mfa-queries.ts";
import { checkPassword, takeSecondStepTry } from "./password-login.ts";
import { type Origin, openSessionFor, type SignedInAnswer } from "./sign-in.ts";
import type { MfaToken } from "./tables.ts";
import { targetOf } from "./targets.ts";
import { type SecondMethod, secondMethodsOf } from "./ways-in.ts";

/** Wrong second proofs per first one; each of them is limited by itself besides. */
const TRIES = 5;

interface SecondProof {
  method: SecondMethod;
  code?: string | undefined;
  password?: string | undefined;
  challengeId?: string | undefined;
}

/**
 * Takes the second step: the token of the first one, and another proof than it was. Throws `mfa_token_invalid` for a token that is
 * used, too old, another client's or tried too often, `method_not_allowed_for_client` for a way that the account does not
 * have, `code_invalid`, `totp_invalid` or `invalid_credentials` for a wrong proof, `rate_limited` after many of them.
 */
export async function takeSecondStep(
  env: Env,
  requester: Requester,
  token: string,
  proof: SecondProof,
  origin: Origin,
  later: After,
  now = new Date(),
): Promise<SignedInAnswer> {
  const { operator, client } = requester;
  const db = database(env);
  const { row, holder } = await firstStep(env, requester, token, now);
  const [counted] = await takeMfaTry(db, operator.id, row.hash, TRIES, now);
  if (!counted) throw fail("mfa_token_invalid");
  demandSecond(env, requester, holder, row, proof.method);
  await check(env, requester, holder, proof, origin.actorFor(holder.id), later, now);
  await admit(env, operator.id, holder, now);
  const [won] = await useMfaToken(db, operator.id, row.hash, now);
  if (!won) throw fail("mfa_token_invalid");
  const amr = [...new Set([...row.amr, ...AMR[proof.method]])];
  // Two codes of four digits are still short ones; anything else beside them is firm.
  const isShort = client.otpLength < 6 && !amr.includes("pwd") && (proof.method === "sms" || proof.method === "code");
  const device = { ...row.device, ...origin.device };
  const proven = { holder, amr, acr: isShort ? ("low" as const) : ("normal" as const) };
  return openSessionFor(env, requester, proven, { ...origin, device }, later, now);
}

const AMR: Record<SecondMethod, Amr[]> = {
  sms: ["sms", "otp"],
  totp: ["otp"],
  recovery: ["otp"],
  code: ["mail", "otp"],
  password: ["pwd"],
};

/** Sends the code of the second step to the account's own phone or address. Throws `mfa_token_invalid`, and as `openChallenge` does. */
export async function sendSecondStep(
  env: Env,
  requester: Requester,
  token: string,
  wanted: "sms" | "code" | undefined,
  now = new Date(),
): Promise<ChallengeAnswer> {
  const { operator } = requester;
  const { row, holder } = await firstStep(env, requester, token, now);
  const possible = secondMethodsOf(env, requester, holder, row.amr);
  const method = wanted ?? (possible.includes("sms") ? "sms" : "code");
  demandSecond(env, requester, holder, row, method);
  const login =
    method === "sms"
      ? { type: "phone" as const, value: `+${holder.phone}` }
      : { type: "email" as const, value: holder.email! };
  const opening = { purpose: "mfa", target: targetOf(operator, login), account: holder.id, deliver: "code" } as const;
  return openChallenge(env, requester, opening, now);
}

/** Where the first step was taken, for whoever does not say so again with the second. Throws `mfa_token_invalid`. */
export async function clientOfFirstStep(env: Env, token: string): Promise<string> {
  const [client] = await clientOfMfaToken(database(env), sha256(token), settings(env).OPERATOR);
  if (!client) throw fail("mfa_token_invalid");
  return client.id;
}

async function firstStep(env: Env, { client, operator }: Requester, token: string, now: Date) {
  const db = database(env);
  const row = await openMfaToken(db, operator.id, sha256(token), now);
  const holder = row?.clientId === client.id ? await holderOf(db, operator.id, { account: row.subjectId }) : undefined;
  if (!row || !holder || row.tries >= TRIES || isOutdated(env, row, holder)) throw fail("mfa_token_invalid");
  return { row, holder };
}

/** A password that was replaced, or is to be, since it was shown is worth nothing as a first step either. */
function isOutdated(env: Env, { amr, expiresAt }: MfaToken, { passwordAt, mustReset }: Holder): boolean {
  if (!amr.includes("pwd")) return false;
  const takenAt = expiresAt.getTime() - settings(env).LIMITS.mfaSeconds * 1000;
  return mustReset !== false || passwordAt === null || passwordAt.getTime() > takenAt;
}

function demandSecond(env: Env, requester: Requester, holder: Holder, { amr }: MfaToken, method: SecondMethod): void {
  if (!secondMethodsOf(env, requester, holder, amr).includes(method)) throw fail("method_not_allowed_for_client");
}

/** Throws unless it is the account's own. */
async function check(
  env: Env,
  requester: Requester,
  { id }: Holder,
  { method, code = "", password = "", challengeId = "" }: SecondProof,
  actor: Actor,
  later: After,
  now: Date,
): Promise<void> {
  const { address } = requester;
  const operator = requester.operator.id;
  switch (method) {
    case "sms":
    case "code": {
      // A code that was asked for at /auth/challenges proves the same phone or address.
      const redeeming = { id: challengeId, code, purposes: ["mfa", "login"] } as const;
      const { accountId, type } = await redeemChallenge(env, requester, redeeming, later, now);
      const isTheirs = accountId === id && type === (method === "sms" ? "phone" : "email");
      if (!isTheirs) throw fail("code_invalid", { extra: { tries_left: 0 } });
      return;
    }
    case "password":
      await checkPassword(env, operator, { account: id }, { password, address }, now);
      return;
    case "totp":
    case "recovery": {
      const succeeded = await takeSecondStepTry(env, operator, { account: id, address }, now);
      const isRight =
        method === "totp"
          ? await checkTotp(env, operator, id, code, now)
          : await useRecoveryCode(env, operator, { ownerId: id, code, kind: "account" }, actor, now);
      if (!isRight) throw fail("totp_invalid");
      await succeeded();
    }
  }
}
