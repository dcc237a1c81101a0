import { and, asc, desc, eq, gt, isNotNull, isNull, ne, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { Db } from "#platform/db.ts";
import { accountIdentifiers, accounts } from "../accounts/tables.ts";
import { clients } from "../clients/tables.ts";
import { controllers } from "../controllers/tables.ts";
import { signingKeys } from "../tokens/tables.ts";
import { type Session, sessions } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

export function insertSession(db: Db, session: typeof sessions.$inferInsert) {
  return db.insert(sessions).values(session);
}

/**
 * The session of a resident's app, with the account and the phone it belongs to, if all are alive. Of several phones the one that was
 * proven first: by it the contracts are known.
 */
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
    .innerJoin(accounts, and(eq(accounts.operator, sessions.operator), eq(accounts.id, sessions.subjectId)))
    .innerJoin(
      accountIdentifiers,
      and(
        eq(accountIdentifiers.operator, sessions.operator),
        eq(accountIdentifiers.accountId, sessions.subjectId),
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
    .orderBy(accountIdentifiers.verifiedAt)
    .get();
}

/** Whatever has to be alive for a token of this session to be good: the session, its subject, the key that signed. One row, one trip. */
export function sessionState(db: Db, operator: string | SQL<string>, id: string, kid: string) {
  return db
    .select({
      session: sessions,
      ...named({ accountStatus: accounts.status, accountEpoch: accounts.epoch }),
      ...named({ deviceStatus: controllers.status, deviceEpoch: controllers.epoch, domainId: controllers.domainId }),
      ...named({ clientStatus: clients.status, keyRevokedAt: signingKeys.revokedAt }),
    })
    .from(sessions)
    .leftJoin(accounts, and(eq(accounts.operator, sessions.operator), eq(accounts.id, sessions.subjectId)))
    .leftJoin(controllers, and(eq(controllers.operator, sessions.operator), eq(controllers.id, sessions.subjectId)))
    .leftJoin(clients, and(eq(clients.operator, sessions.operator), eq(clients.id, sessions.clientId)))
    .leftJoin(signingKeys, and(eq(signingKeys.operator, "*"), eq(signingKeys.kid, kid)))
    .where(and(eq(sessions.operator, operator), eq(sessions.id, id)))
    .limit(1);
}

/**
 * Gives columns of joined tables names of their own. D1 answers a batch with rows by column name, so that of two columns of one name
 * the second would be lost, and everything behind it be read one place too early.
 */
const named = <T extends Record<string, SQLiteColumn>>(columns: T) =>
  Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [name, sql`${column}`.mapWith(column).as(`joined_${name}`)]),
  ) as unknown as { [K in keyof T]: SQL.Aliased<T[K]["_"]["data"] | null> };

/** In place of an operator: that of the session, where nobody said whose it is. `preset` needs no row of its own. */
export const operatorOfSession = (id: string, preset: string) =>
  sql<string>`(SELECT s.operator FROM (SELECT operator FROM operators UNION SELECT ${preset}) o
    JOIN sessions s ON s.operator = o.operator AND s.id = ${id})`;

export function sessionById(db: Db, operator: string, id: string) {
  return db
    .select()
    .from(sessions)
    .where(and(eq(sessions.operator, operator), eq(sessions.id, id)))
    .get();
}

export type SessionState = Awaited<ReturnType<typeof sessionState>>[number];

export function liveSessionsOf(db: Db, operator: string, subjectId: string, now: Date) {
  return db
    .select()
    .from(sessions)
    .where(
      and(
        eq(sessions.operator, operator),
        eq(sessions.subjectId, subjectId),
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

/** Moves a living session's refresh token on by one generation; returns nothing where another request was faster. */
export function rotateSession(
  db: Db,
  operator: string,
  { id, generation, at, expiresAt }: { id: string; generation: number; at: Date; expiresAt: Date },
) {
  return db
    .update(sessions)
    .set({ generation: generation + 1, rotatedAt: at, lastSeenAt: at, expiresAt })
    .where(
      and(
        eq(sessions.operator, operator),
        eq(sessions.id, id),
        eq(sessions.generation, generation),
        isNull(sessions.endedAt),
      ),
    )
    .returning({ generation: sessions.generation });
}

/** The person has proven who they are once more. */
export function renewAuth(db: Db, operator: string, id: string, at: Date, amr: Session["amr"], acr: Session["acr"]) {
  return db
    .update(sessions)
    .set({ authAt: at, amr, acr })
    .where(and(eq(sessions.operator, operator), eq(sessions.id, id), isNull(sessions.endedAt)))
    .returning({ id: sessions.id });
}

export interface Ending {
  subjectId: string;
  at: Date;
  reason: string;
  /** Where this does not hold, nothing ends. */
  onlyIf?: SQL;
}

/** Ends those living sessions of the subject that `which` picks. Returns the hashes of the tokens that died. */
function endSessions(db: Db, operator: string, { subjectId, at, reason, onlyIf }: Ending, which: SQL) {
  return db
    .update(sessions)
    .set({ endedAt: at, endReason: reason })
    .where(
      and(eq(sessions.operator, operator), eq(sessions.subjectId, subjectId), isNull(sessions.endedAt), which, onlyIf),
    )
    .returning({ id: sessions.id, tokenHash: sessions.tokenHash });
}

export function endSessionById(db: Db, operator: string, id: string, ending: Ending) {
  return endSessions(db, operator, ending, eq(sessions.id, id));
}

/** All but `except`. */
export function endSessionsOf(db: Db, operator: string, ending: Ending, except = "") {
  return endSessions(db, operator, ending, ne(sessions.id, except));
}

/** Living sessions that a client opened, whoever they belong to; at most `limit` at a time. */
export function endSessionsOfClient(
  db: Db,
  operator: string,
  { clientId, at, reason }: { clientId: string; at: Date; reason: string },
  limit: number,
) {
  const some = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.operator, operator), eq(sessions.clientId, clientId), isNull(sessions.endedAt)))
    .limit(limit);
  return db
    .update(sessions)
    .set({ endedAt: at, endReason: reason })
    .where(and(eq(sessions.operator, operator), sql`${sessions.id} IN ${some}`, isNull(sessions.endedAt)))
    .returning({ id: sessions.id, tokenHash: sessions.tokenHash });
}

/** Those that were seen longest ago, so that at most `keep` live on. */
export function endSurplusSessions(db: Db, operator: string, ending: Ending, keep: number) {
  const surplus = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.operator, operator), eq(sessions.subjectId, ending.subjectId), isNull(sessions.endedAt)))
    .orderBy(desc(sessions.lastSeenAt), asc(sessions.id))
    .limit(1000)
    .offset(keep);
  return endSessions(db, operator, ending, sql`${sessions.id} IN ${surplus}`);
}

/** At most five hundred of any operator, the most recent first: what a write to KV may still be owed to. */
export function sessionsEndedAfter(db: Db, since: Date) {
  return db
    .select({ tokenHash: sessions.tokenHash })
    .from(sessions)
    .where(and(isNotNull(sessions.endedAt), gt(sessions.endedAt, since)))
    .orderBy(desc(sessions.endedAt))
    .limit(500)
    .all();
}
