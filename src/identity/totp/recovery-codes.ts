import type { Env } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { replaceRecoveryCodes, takeRecoveryCode } from "./queries.ts";
import { base32 } from "./rfc6238.ts";

const CODES = 10;
// 120 bits: what nobody can try through, so a plain hash keeps them (ASVS 6.5.2 asks for 112).
const CODE_BYTES = 15;

/** Ten codes for the day the phone is lost, as they are shown, and their hashes, as they are stored. */
export function newRecoveryCodes(): { codes: string[]; hashes: string[] } {
  const codes = Array.from({ length: CODES }, () =>
    base32(crypto.getRandomValues(new Uint8Array(CODE_BYTES)))
      .toLowerCase()
      .replace(/(.{4})(?=.)/g, "$1-"),
  );
  return { codes, hashes: codes.map(hashOf) };
}

/** Ten new codes in place of the old ones. */
export async function renewRecoveryCodes(
  env: Env,
  operator: string,
  { ownerId, kind }: { ownerId: string; kind: "account" | "admin" },
  actor: Actor,
  now = new Date(),
): Promise<string[]> {
  const db = database(env);
  const { codes, hashes } = newRecoveryCodes();
  const entry = { action: "recovery_codes.renewed", target: { kind, id: ownerId } };
  await db.batch([
    ...journal(db, operator, actor, entry, now, "always"),
    ...replaceRecoveryCodes(db, operator, ownerId, hashes),
  ]);
  return codes;
}

/** Uses a recovery code up; false where it is none of the owner's, or was used. Case, spaces and hyphens do not count. */
export async function useRecoveryCode(
  env: Env,
  operator: string,
  { ownerId, code, kind }: { ownerId: string; code: string; kind: "account" | "admin" },
  actor: Actor,
  now = new Date(),
): Promise<boolean> {
  const db = database(env);
  const entry = { action: "recovery_code.used", target: { kind, id: ownerId } };
  const [taken] = await db.batch([
    takeRecoveryCode(db, operator, ownerId, hashOf(code), now),
    ...journal(db, operator, actor, entry, now),
  ]);
  return taken.length > 0;
}

const hashOf = (code: string) => sha256(code.toLowerCase().replace(/[^a-z0-9]/g, ""));
