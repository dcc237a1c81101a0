import { and, eq, sql } from "drizzle-orm";
import { newId } from "#platform/crypto.ts";
import type { Db } from "#platform/db.ts";
import type { Actor } from "../journal/journal.ts";
import { insertAudits, insertFirstEvents } from "../journal/queries.ts";
import type { NewCredential } from "./credentials.ts";
import { claimTries, controllerCredentials, controllers } from "./tables.ts";

// Many rows go as one JSON parameter, because D1 binds at most 100 of them.

export interface Row {
  id: string;
  serial: string;
  model: string;
  claimHash: string | null;
  credentials: NewCredential[];
}

export function idsBySerial(db: Db, operator: string, serials: readonly string[]) {
  return db
    .select({ serial: controllers.serial, id: controllers.id })
    .from(controllers)
    .where(
      and(
        eq(controllers.operator, operator),
        sql`${controllers.serial} IN (SELECT value FROM json_each(${JSON.stringify(serials)}))`,
      ),
    );
}

/** Which of these secrets and keys a controller has. */
export function takenCredentials(db: Db, operator: string, ids: readonly string[]) {
  return db
    .select({ id: controllerCredentials.id })
    .from(controllerCredentials)
    .where(
      and(
        eq(controllerCredentials.operator, operator),
        sql`${controllerCredentials.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
      ),
    );
}

/**
 * Stores those rows whose serial is new, writes each down, and reads back which id every serial has. One batch: a
 * credential that another controller has fails it.
 */
export function storeImported(db: Db, operator: string, rows: readonly Row[], actor: Actor, now: Date) {
  const made = sql`EXISTS (SELECT 1 FROM controllers c WHERE c.operator = ${operator} AND c.id = value ->> 'id')`;
  const objects = rows.map(({ id, serial, model }) => ({
    ...{ id, auditId: newId("aud"), eventId: newId("evt"), data: { serial, model } },
  }));
  return db.batch([
    db
      .insert(controllers)
      .select(
        sql`SELECT ${operator}, value ->> 'id', value ->> 'serial', value ->> 'model', NULL, NULL, NULL, 'factory', NULL, NULL, 1,
        value ->> 'claimHash', NULL, ${now.getTime()}, NULL, NULL, NULL, 1 FROM json_each(${JSON.stringify(rows)}) WHERE true`,
      )
      .onConflictDoNothing(),
    insertAudits(db, operator, { at: now, actor, action: "device.registered", kind: "device" }, objects, made),
    insertFirstEvents(db, operator, { at: now, type: "device.registered" }, objects, made),
    db.insert(controllerCredentials).select(
      sql`SELECT ${operator}, c.value ->> 'id', r.value ->> 'id', c.value ->> 'type', c.value ->> 'secretHash', c.value ->> 'jwk',
        ${now.getTime()}, NULL, NULL FROM json_each(${JSON.stringify(rows)}) r, json_each(r.value, '$.credentials') c
        WHERE EXISTS (SELECT 1 FROM controllers k WHERE k.operator = ${operator} AND k.id = r.value ->> 'id')`,
    ),
    db
      .delete(claimTries)
      .where(
        and(
          eq(claimTries.operator, operator),
          sql`${claimTries.serial} IN (SELECT value ->> 'serial' FROM json_each(${JSON.stringify(rows)}) WHERE ${made})`,
        ),
      ),
    idsBySerial(
      db,
      operator,
      rows.map(({ serial }) => serial),
    ),
  ]);
}
