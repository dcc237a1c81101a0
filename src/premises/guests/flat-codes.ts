import { type Env, settings } from "#env.ts";
import { joinContract } from "#operator/billing-people.ts";
import { contractsOfPhone } from "#operator/ownership.ts";
import { contractRecord } from "#operator/queries.ts";
import { randomLetters, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { Resident } from "../homes.ts";
import { takeTry } from "./attempts.ts";
import { claimFlatCode, flatCodeBy, insertFlatCode, releaseFlatCode, settleFlatCode } from "./code-queries.ts";

/** Letters and digits: 119 bits, which nobody guesses. */
const CODE_LENGTH = 20;

/**
 * Makes a code that turns whoever scans it first into an owner of the contract. It is shown this once: only its hash is kept.
 * Throws `not_found` for a contract that our own billing does not have.
 */
export async function issueFlatCode(
  env: Env,
  uid: number,
  lifeSeconds: number,
  now = new Date(),
): Promise<{ code: string; url: string }> {
  const { OPERATOR: operator, BILLING, APP_LINK, PUBLIC_URL } = settings(env);
  if (BILLING === "local" && !(await contractRecord(database(env), operator, { uid })))
    throw new AppError("not_found", "There is no such contract");
  const code = randomLetters(CODE_LENGTH);
  const expiresAt = new Date(now.getTime() + lifeSeconds * 1000);
  await insertFlatCode(database(env), { operator, codeHash: hashOf(code), uid, expiresAt, createdAt: now });
  return { code, url: `${(APP_LINK ?? PUBLIC_URL).replace(/\/+$/, "")}/${code}` };
}

/** What a scan came to. `operator`: the billing cannot do it, a person of the operator has to. */
export type Scan = "joined" | "already" | "garbled" | "unknown" | "used" | "operator" | "slower";

/**
 * Makes the resident an owner by what they have scanned: the code, or a URL that ends in it. A code counts once and until its end;
 * wrong ones are limited. Never throws for what was scanned.
 */
export async function redeemFlatCode(
  env: Env,
  { phone, account }: Resident,
  scanned: string,
  address: string,
  now = new Date(),
): Promise<Scan> {
  const code = /(?:^|[/=])([A-Za-z0-9]{16,64})\/?$/.exec(scanned.trim())?.[1];
  if (!code) return "garbled";
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const succeeded = await takeTry(env, [{ name: `flat-codes-of:${account}` }], address, now).catch(overLimit);
  if (!succeeded) return "slower";
  const known = await flatCodeBy(db, OPERATOR, hashOf(code));
  if (!known) return "unknown";
  await succeeded();
  const own = await contractsOfPhone(env, phone, { fresh: true });
  if (!own.some(({ uid }) => uid === known.uid)) return join(env, known.uid, phone, { code, now });
  // The scan that made them one may have broken off before it was noted.
  if (known.usedBy === phone) await settleFlatCode(db, OPERATOR, hashOf(code), phone, now);
  return "already";
}

/**
 * The code is taken before the billing is asked: two who scan it at once are one. Where that breaks off it stays its scanner's, to
 * be scanned again: billing may have done it. It is given back where billing says no.
 */
async function join(env: Env, uid: number, phone: string, { code, now }: { code: string; now: Date }): Promise<Scan> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const claimed = await claimFlatCode(db, OPERATOR, hashOf(code), phone, now);
  if (claimed.length === 0) return "used";
  const isOwner = await joinContract(env, uid, phone);
  const outcome = isOwner ? settleFlatCode : releaseFlatCode;
  await outcome(db, OPERATOR, hashOf(code), phone, now);
  return isOwner ? "joined" : "operator";
}

function overLimit(error: unknown): undefined {
  if (!(error instanceof AppError && error.code === "too_many")) throw error;
  return undefined;
}

const hashOf = (code: string) => sha256(`flat-code|${code}`);
