import { and, asc, between, eq, isNotNull, isNull, lte, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { controllers } from "../controllers/tables.ts";
import { sessions } from "../sessions/tables.ts";
import { accounts } from "./tables.ts";

// What the clock looks for, of any operator. The conditions are those of the partial indexes, word by word.

export function endedBans(db: Db, now: Date, limit: number) {
  return db
    .select({ operator: accounts.operator, id: accounts.id, ver: accounts.ver })
    .from(accounts)
    .where(and(isNotNull(accounts.banUntil), lte(accounts.banUntil, now), eq(accounts.status, "banned")))
    .orderBy(asc(accounts.banUntil))
    .limit(limit)
    .all();
}

export function inactiveSince(db: Db, before: Date, limit: number) {
  return db
    .select({ operator: accounts.operator, id: accounts.id })
    .from(accounts)
    .where(and(sql`status = 'inactive'`, lte(accounts.createdAt, before)))
    .orderBy(asc(accounts.createdAt))
    .limit(limit)
    .all();
}

export function accountsToErase(db: Db, now: Date, limit: number) {
  return db
    .select({ operator: accounts.operator, id: accounts.id })
    .from(accounts)
    .where(and(isNotNull(accounts.eraseAt), lte(accounts.eraseAt, now)))
    .orderBy(asc(accounts.eraseAt))
    .limit(limit)
    .all();
}

/** Accounts to be erased in that time that still own a controller which is in no domain. */
export function deletedOwners(db: Db, { from, to }: { from: Date; to: Date }, limit: number) {
  return db
    .selectDistinct({ operator: accounts.operator, id: accounts.id })
    .from(accounts)
    .innerJoin(
      controllers,
      and(
        ...[eq(controllers.operator, accounts.operator), eq(controllers.ownerAccountId, accounts.id)],
        ...[isNull(compared(controllers.domainId)), eq(compared(controllers.status), "claimed")],
      ),
    )
    .where(and(isNotNull(accounts.eraseAt), between(accounts.eraseAt, from, to), eq(accounts.status, "deleted")))
    .limit(limit)
    .all();
}

/** Of a deleted account the ids stay. */
export function eraseAccount(db: Db, operator: string, id: string) {
  const nothing = { name: null, nameFolded: null, patronymic: null, avatar: null, note: null, lang: null };
  return db
    .update(accounts)
    .set({ ...nothing, banReason: null, eraseAt: null })
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id), eq(accounts.status, "deleted")))
    .returning({ id: accounts.id });
}

/** Which devices somebody had, and where. */
export function eraseSessions(db: Db, operator: string, subjectId: string) {
  return db
    .update(sessions)
    .set({ device: null, platform: null, installId: null, ipPrefix: null, city: null })
    .where(and(eq(sessions.operator, operator), eq(sessions.subjectId, subjectId)));
}
