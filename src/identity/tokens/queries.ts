import { and, eq, getTableColumns, isNull, lt, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { accounts } from "../accounts/tables.ts";
import { clients } from "../clients/tables.ts";
import { controllers } from "../controllers/tables.ts";
import { sessions } from "../sessions/tables.ts";
import { signingKeys } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

/** What became of the signing keys: which was put to use when, and which are refused. */
export function signingKeyStates(db: Db) {
  return db.select().from(signingKeys).where(eq(signingKeys.operator, "*"));
}

/** Lets a key sign from now on; returns nothing for a revoked one. */
export function activateSigningKey(db: Db, kid: string, now: Date) {
  return db
    .insert(signingKeys)
    .values({ operator: "*", kid, activeAt: now })
    .onConflictDoUpdate({
      target: [signingKeys.operator, signingKeys.kid],
      set: { activeAt: now },
      setWhere: isNull(signingKeys.revokedAt),
    })
    .returning({ kid: signingKeys.kid });
}

/** Refuses a key for ever; returns nothing where it was refused before. */
export function revokeKey(db: Db, kid: string, reason: string, now: Date) {
  return db
    .insert(signingKeys)
    .values({ operator: "*", kid, revokedAt: now, reason })
    .onConflictDoUpdate({
      target: [signingKeys.operator, signingKeys.kid],
      set: { revokedAt: now, reason },
      setWhere: isNull(signingKeys.revokedAt),
    })
    .returning({ kid: signingKeys.kid });
}

type NewSession = typeof sessions.$inferInsert & { kind: "account" | "device" | "service" };

/**
 * Opens a session, unless its subject may not have one any more: whoever was shut out, or changed the password, since the proof was
 * checked gets none. Returns nothing then.
 */
export function insertSessionOfLiving(db: Db, session: NewSession, epoch: number) {
  const columns = Object.entries(getTableColumns(sessions));
  const values = columns.map(([name, column]) => {
    const value = session[name as keyof NewSession] ?? column.default ?? null;
    return value === null ? sql`NULL` : sql`${sql.param(value, column)}`;
  });
  const alive = isAlive(session.operator, session.subjectId, epoch)[session.kind];
  return db
    .insert(sessions)
    .select(sql`SELECT ${sql.join(values, sql`, `)} WHERE EXISTS (${alive})`)
    .returning({ id: sessions.id });
}

const isAlive = (operator: string, id: string, epoch: number): Record<NewSession["kind"], SQL> => ({
  account: sql`SELECT 1 FROM ${accounts} WHERE ${accounts.operator} = ${operator} AND ${accounts.id} = ${id}
    AND ${accounts.status} = 'active' AND ${accounts.epoch} = ${epoch}`,
  device: sql`SELECT 1 FROM ${controllers} WHERE ${controllers.operator} = ${operator} AND ${controllers.id} = ${id}
    AND ${controllers.status} IN ('enrolled', 'claimed') AND ${controllers.epoch} = ${epoch}`,
  service: sql`SELECT 1 FROM ${clients} WHERE ${clients.operator} = ${operator} AND ${clients.id} = ${id}
    AND ${clients.status} = 'active'`,
});

/** Sessions of services, some of those whose time is over: they are short, many, and nothing hangs on them. */
export function deleteExpiredServiceSessions(db: Db, before: Date, limit: number) {
  const expired = db
    .select({ rowid: sql`rowid` })
    .from(sessions)
    .where(and(eq(sessions.kind, "service"), lt(sessions.expiresAt, before)))
    .limit(limit);
  return db.delete(sessions).where(sql`rowid IN ${expired}`);
}
