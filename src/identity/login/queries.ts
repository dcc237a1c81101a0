import { and, desc, eq, gt, inArray, isNull, lt, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type Challenge, challenges, mfaTokens } from "./tables.ts";

export function insertChallenge(db: Db, challenge: Omit<Challenge, "usedAt">) {
  return db.insert(challenges).values(challenge);
}

/** A challenge that may still be answered or sent again. */
export function openChallengeRow(db: Db, operator: string, id: string, now: Date) {
  return db
    .select()
    .from(challenges)
    .where(
      and(
        eq(challenges.operator, operator),
        eq(challenges.id, id),
        isNull(challenges.usedAt),
        gt(challenges.expiresAt, now),
      ),
    )
    .get();
}

/** At whose request a challenge was opened, whichever operator's; `preset` is one that needs no row of its own. */
export function challengeClient(db: Db, id: string, preset: string) {
  const operators = sql`(SELECT operator FROM operators UNION SELECT ${preset})`;
  return db
    .select({ id: challenges.clientId })
    .from(challenges)
    .where(and(sql`${challenges.operator} IN ${operators}`, eq(challenges.id, id)))
    .limit(1);
}

/** At whose request Operations sends codes: no client of any operator has this id. */
export const OPERATIONS = "operations";

interface Unnamed {
  target: Pick<Challenge, "type" | "value">;
  /** Who may have asked for it. */
  clients: readonly string[];
  purposes: readonly Challenge["purpose"][];
}

/** The newest code that was sent to that login and that still counts, for a reader who knows no challenge by id. */
export function newestChallenge(
  db: Db,
  operator: string,
  { target: { type, value }, clients, purposes }: Unnamed,
  now: Date,
) {
  return db
    .select()
    .from(challenges)
    .where(
      and(
        eq(challenges.operator, operator),
        eq(challenges.type, type),
        eq(challenges.value, value),
        inArray(challenges.clientId, [...clients]),
        inArray(challenges.purpose, [...purposes]),
        isNull(challenges.usedAt),
        gt(challenges.expiresAt, now),
      ),
    )
    .orderBy(desc(challenges.createdAt))
    .limit(1)
    .get();
}

export function prolongChallenge(db: Db, operator: string, id: string, expiresAt: Date) {
  return db
    .update(challenges)
    .set({ expiresAt })
    .where(and(eq(challenges.operator, operator), eq(challenges.id, id), isNull(challenges.usedAt)));
}

/** Takes a challenge, once: an empty answer means that somebody else was faster. */
export function useChallenge(db: Db, operator: string, id: string, now: Date) {
  return db
    .update(challenges)
    .set({ usedAt: now })
    .where(and(eq(challenges.operator, operator), eq(challenges.id, id), isNull(challenges.usedAt)))
    .returning({ id: challenges.id });
}

/** What nobody can answer any more goes, with the phone or address in it. Of any operator, some at a time. */
export function deleteOldChallenges(db: Db, before: Date, limit: number) {
  return db
    .delete(challenges)
    .where(sql`rowid IN (SELECT rowid FROM challenges WHERE expires_at < ${before.getTime()} LIMIT ${limit})`);
}

export function deleteOldMfaTokens(db: Db, before: Date) {
  return db.delete(mfaTokens).where(lt(mfaTokens.expiresAt, before));
}
