import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database, isDuplicate } from "#platform/db.ts";
import { type Actor, type Entry, journal } from "../journal/journal.ts";
import { keyCredential, newSecret, type PublicKey } from "./credentials.ts";
import { deleteRevokedCredential, insertCredential } from "./enrolment-queries.ts";
import { credentialsById } from "./queries.ts";
import { retireCredentials, rotated } from "./state-queries.ts";

const OVERLAP_MS = 10 * 60_000;

/**
 * Replaces a controller's credential by the key it names, or by a new secret, which is returned. The one before lives ten minutes
 * more, so that an answer that was lost locks nobody out. Throws `device_not_found`, `already_in_state` for a key that was its
 * own before, `device_credential_invalid` for another's, and `precondition_failed` where it rotates twice at once.
 */
export async function rotateCredential(
  env: Env,
  operator: string,
  { id, key }: { id: string; key?: PublicKey | undefined },
  actor: Actor,
  now = new Date(),
): Promise<{ secret?: string }> {
  const db = database(env);
  const rows = await credentialsById(db, operator, id, now);
  const controller = rows[0]?.controller;
  if (!controller) throw fail("device_not_found");
  const { secret, credential } = key ? { credential: await keyCredential(key) } : newSecret();
  const held = rows.find((row) => row.credential?.id === credential.id)?.credential;
  if (held) {
    if (held.expiresAt !== null) throw fail("already_in_state");
    return {};
  }
  const entry: Entry = {
    ...{ action: "device.credential_rotated", target: { kind: "device", id }, after: { credential: credential.type } },
    events: [{ type: "device.updated", id, data: { fields: ["credential"] } }],
  };
  const until = new Date(now.getTime() + OVERLAP_MS);
  try {
    const [, [done]] = await db.batch([
      deleteRevokedCredential(db, operator, id, credential.id, now),
      rotated(db, operator, controller),
      insertCredential(db, operator, id, credential, now),
      ...journal(db, operator, actor, entry, now),
      ...retireCredentials(db, operator, { deviceId: id, successor: credential.id, now, until }),
    ]);
    if (!done) throw fail("precondition_failed");
  } catch (error) {
    throw isDuplicate(error) ? fail("device_credential_invalid") : error;
  }
  return secret === undefined ? {} : { secret };
}
