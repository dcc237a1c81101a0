import { and, asc, desc, eq, gt, isNotNull, isNull, ne, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type Account, accountIdentifiers, accounts, type Session, sessions } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

export function accountByPhone(db: Db, operator: string, phone: string) {
  return db
    .select({
      n: accounts.n,
      id: accounts.id,
      status: accounts.status,
      name: accounts.name,
      patronymic: accounts.patronymic,
    })
    .from(accountIdentifiers)
    .innerJoin(
      accounts,
      and(eq(accounts.operator, accountIdentifiers.operator), eq(accounts.id, accountIdentifiers.accountId)),
    )
    .where(
      and(
        eq(accountIdentifiers.operator, operator),
        eq(accountIdentifiers.type, "phone"),
        eq(accountIdentifiers.value, phone),
        isNotNull(accountIdentifiers.verifiedAt),
      ),
    )
    .get();
}

export function accountById(db: Db, operator: string, id: string) {
  return db
    .select()
    .from(accounts)
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)))
    .get();
}

export function insertAccount(db: Db, account: Omit<Account, "n" | "deletedAt">) {
  return db.insert(accounts).values(account).returning({ n: accounts.n });
}

export function insertIdentifier(db: Db, identifier: typeof accountIdentifiers.$inferInsert) {
  return db.insert(accountIdentifiers).values(identifier);
}

export function setName(db: Db, operator: string, id: string, name: string, patronymic: string | null) {
  return db
    .update(accounts)
    .set({ name, patronymic })
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)));
}

export function setStatus(db: Db, operator: string, id: string, status: Account["status"]) {
  return db
    .update(accounts)
    .set({ status })
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)));
}

/** What a person is leaves with them; the row keeps the ids that other rows point to. */
export function eraseAccount(db: Db, operator: string, id: string, at: Date) {
  return db
    .update(accounts)
    .set({ status: "deleted", name: null, patronymic: null, deletedAt: at })
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)));
}

export function deleteIdentifiers(db: Db, operator: string, accountId: string) {
  return db
    .delete(accountIdentifiers)
    .where(and(eq(accountIdentifiers.operator, operator), eq(accountIdentifiers.accountId, accountId)));
}

export function insertSession(db: Db, session: Omit<Session, "endedAt" | "endReason">) {
  return db.insert(sessions).values(session);
}

/** The session of a token with the account it belongs to, if both are alive. */
export function liveSession(db: Db, operator: string, tokenHash: string, now: Date) {
  return db
    .select({
      id: sessions.id,
      account: accounts.id,
      n: accounts.n,
      phone: accountIdentifiers.value,
      acr: sessions.acr,
      seenAt: sessions.lastSeenAt,
      expiresAt: sessions.expiresAt,
    })
    .from(sessions)
    .innerJoin(accounts, and(eq(accounts.operator, sessions.operator), eq(accounts.id, sessions.accountId)))
    .innerJoin(
      accountIdentifiers,
      and(
        eq(accountIdentifiers.operator, sessions.operator),
        eq(accountIdentifiers.accountId, sessions.accountId),
        eq(accountIdentifiers.type, "phone"),
        isNotNull(accountIdentifiers.verifiedAt),
      ),
    )
    .where(
      and(
        eq(sessions.operator, operator),
        eq(sessions.tokenHash, tokenHash),
        isNull(sessions.endedAt),
        gt(sessions.expiresAt, now),
        eq(accounts.status, "active"),
      ),
    )
    .get();
}

export function liveSessionsOf(db: Db, operator: string, accountId: string, now: Date) {
  return db
    .select({
      id: sessions.id,
      device: sessions.device,
      createdAt: sessions.createdAt,
      lastSeenAt: sessions.lastSeenAt,
    })
    .from(sessions)
    .where(
      and(
        eq(sessions.operator, operator),
        eq(sessions.accountId, accountId),
        isNull(sessions.endedAt),
        gt(sessions.expiresAt, now),
      ),
    )
    .orderBy(desc(sessions.lastSeenAt))
    .all();
}

export function touchSession(db: Db, operator: string, id: string, seenAt: Date, expiresAt: Date) {
  return db
    .update(sessions)
    .set({ lastSeenAt: seenAt, expiresAt })
    .where(and(eq(sessions.operator, operator), eq(sessions.id, id), isNull(sessions.endedAt)));
}

export interface Ending {
  accountId: string;
  at: Date;
  reason: string;
}

/** Ends those living sessions of the account that `which` picks. Returns the hashes of the tokens that died. */
function endSessions(db: Db, operator: string, { accountId, at, reason }: Ending, which: SQL) {
  return db
    .update(sessions)
    .set({ endedAt: at, endReason: reason })
    .where(and(eq(sessions.operator, operator), eq(sessions.accountId, accountId), isNull(sessions.endedAt), which))
    .returning({ tokenHash: sessions.tokenHash });
}

export function endSessionById(db: Db, operator: string, id: string, ending: Ending) {
  return endSessions(db, operator, ending, eq(sessions.id, id));
}

/** All but `except`. */
export function endSessionsOf(db: Db, operator: string, ending: Ending, except = "") {
  return endSessions(db, operator, ending, ne(sessions.id, except));
}

/** Those that were seen longest ago, so that at most `keep` live on. */
export function endSurplusSessions(db: Db, operator: string, ending: Ending, keep: number) {
  const surplus = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.operator, operator), eq(sessions.accountId, ending.accountId), isNull(sessions.endedAt)))
    .orderBy(desc(sessions.lastSeenAt), asc(sessions.id))
    .limit(1000)
    .offset(keep);
  return endSessions(db, operator, ending, sql`${sessions.id} IN ${surplus}`);
}

/** At most a thousand, the most recent first: what a write to KV may still be owed to. */
export function sessionsEndedAfter(db: Db, operator: string, since: Date) {
  return db
    .select({ tokenHash: sessions.tokenHash })
    .from(sessions)
    .where(and(eq(sessions.operator, operator), gt(sessions.endedAt, since)))
    .orderBy(desc(sessions.endedAt))
    .limit(1000)
    .all();
}
