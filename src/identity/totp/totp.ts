import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { open, seal } from "#platform/crypto.ts";
import { type Condition, database, type Statement } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { deleteRecoveryCodes, deleteTotp, insertTotp, replaceRecoveryCodes, takeStep, totpOf } from "./queries.ts";
import { newRecoveryCodes } from "./recovery-codes.ts";
import { base32, fromBase32, stepWith } from "./rfc6238.ts";

/** An administrator's secrets belong to no operator. */
export const ADMINS = "*";

const SECRET_BYTES = 20; // as long as SHA-1's result, RFC 4226 §4
const ISSUER = "Yardgate";

export interface NewTotp {
  /** Base32, for those who type it. */
  secret: string;
  /** For a QR code. */
  otpauth_uri: string;
}

/**
 * A new secret for an owner, to be shown once; it counts only when `confirmTotp` has seen a code of it. `label` is what the
 * app shows, such as the login. Throws `totp_exists` where a confirmed one is in use.
 */
export async function newTotp(
  env: Env,
  operator: string,
  { ownerId, label }: { ownerId: string; label: string },
  actor: Actor,
  now = new Date(),
): Promise<NewTotp> {
  const { sealed, ...totp } = await makeTotp(env, operator, ownerId, label);
  const db = database(env);
  const entry = { action: "totp.begun", target: { kind: operator === ADMINS ? "admin" : "account", id: ownerId } };
  const [stored] = await db.batch([
    insertTotp(db, operator, ownerId, sealed, now),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (stored.length === 0) throw fail("totp_exists");
  return totp;
}

/** The same without storing it, for a batch that does: `insertTotp`. */
export async function makeTotp(env: Env, operator: string, ownerId: string, label: string) {
  const secret = base32(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  const sealed = await seal(settings(env).MASTER_KEY, secret, contextOf(operator, ownerId));
  const name = encodeURIComponent(`${ISSUER}:${label}`);
  const otpauth_uri = `otpauth://totp/${name}?secret=${secret}&issuer=${ISSUER}&algorithm=SHA1&digits=6&period=30`;
  return { secret, otpauth_uri, sealed } satisfies NewTotp & { sealed: string };
}

/**
 * The owner has the secret in their app: from now on it counts. Returns ten recovery codes, which are shown this once; undefined
 * where the code is wrong or nothing waits to be confirmed. `also` stands in the same batch.
 */
export async function confirmTotp(
  env: Env,
  operator: string,
  { ownerId, code, kind }: { ownerId: string; code: string; kind: "account" | "admin" },
  actor: Actor,
  now = new Date(),
  also: readonly Statement[] = [],
): Promise<string[] | undefined> {
  const db = database(env);
  const found = await stepOfCode(env, operator, ownerId, code, now);
  if (!found) return undefined;
  const { codes, hashes } = newRecoveryCodes();
  const [taken] = await db.batch([
    takeStep(db, operator, ownerId, { ...found, confirm: now }),
    ...journal(db, operator, actor, { action: "totp.confirmed", target: { kind, id: ownerId } }, now),
    ...replaceRecoveryCodes(db, operator, ownerId, hashes),
    ...also,
  ]);
  return taken.length > 0 ? codes : undefined;
}

/** Whether it is the code of the owner's confirmed secret, now or half a minute around. Each code is good once. */
export async function checkTotp(
  env: Env,
  operator: string,
  ownerId: string,
  code: string,
  now = new Date(),
): Promise<boolean> {
  const found = await stepOfCode(env, operator, ownerId, code, now);
  if (!found) return false;
  const taken = await takeStep(database(env), operator, ownerId, found);
  return taken.length > 0;
}

/** Whether the owner has a secret, and whether it was confirmed. */
export async function totpState(
  env: Env,
  operator: string,
  ownerId: string,
): Promise<"none" | "unconfirmed" | "confirmed"> {
  const [row] = await totpOf(database(env), operator, ownerId);
  if (!row) return "none";
  return row.confirmedAt === null ? "unconfirmed" : "confirmed";
}

/** The statements that take the second step away from an owner, for the batch that decides it; where `onlyIf` does not hold, from nobody. */
export const dropTotp = (env: Env, operator: string, ownerId: string, onlyIf?: Condition) =>
  [
    deleteTotp(database(env), operator, ownerId, onlyIf),
    deleteRecoveryCodes(database(env), operator, ownerId, onlyIf),
  ] as const;

async function stepOfCode(env: Env, operator: string, ownerId: string, code: string, now: Date) {
  const digits = code.replace(/\s/g, "");
  if (!/^\d{6}$/.test(digits)) return undefined;
  const [row] = await totpOf(database(env), operator, ownerId);
  if (!row) return undefined;
  const secret = await open(settings(env).MASTER_KEY, row.sealed, contextOf(operator, ownerId));
  const step = stepWith(fromBase32(secret), digits, now);
  return step === undefined ? undefined : { sealed: row.sealed, step };
}

const contextOf = (operator: string, ownerId: string) => `totp/${operator}/${ownerId}`;
