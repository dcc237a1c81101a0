import { and, eq, gt, isNull, lt, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type MfaToken, mfaTokens } from "./tables.ts";

export function insertMfaToken(db: Db, token: Omit<MfaToken, "tries" | "usedAt">) {
  return db.insert(mfaTokens).values(token);
}

const isOpen = (operator: string, hash: string, now: Date) =>
  and(
    eq(mfaTokens.operator, operator),
    eq(mfaTokens.hash, hash),
    isNull(mfaTokens.usedAt),
    gt(mfaTokens.expiresAt, now),
  );

/** A first step whose second may still be taken. */
export function openMfaToken(db: Db, operator: string, hash: string, now: Date) {
  return db
    .select()
    .from(mfaTokens)
    .where(isOpen(operator, hash, now))
    .get();
}

/** At whose client the first step was taken, whichever operator's; `preset` is one that needs no row of its own. */
export function clientOfMfaToken(db: Db, hash: string, preset: string) {
  return db
    .select({ id: mfaTokens.clientId })
    .from(mfaTokens)
    .where(
      and(
        sql`${mfaTokens.operator} IN (SELECT operator FROM operators UNION SELECT ${preset})`,
        eq(mfaTokens.hash, hash),
      ),
    )
    .limit(1);
}

/** Counts a try before it is made. Nothing is returned where there are none left. */
export function takeMfaTry(db: Db, operator: string, hash: string, most: number, now: Date) {
  return db
    .update(mfaTokens)
    .set({ tries: sql`${mfaTokens.tries} + 1` })
    .where(and(isOpen(operator, hash, now), lt(mfaTokens.tries, most)))
    .returning({ tries: mfaTokens.tries });
}

/** Uses the token up: of many requests, one gets a row. */
export function useMfaToken(db: Db, operator: string, hash: string, now: Date) {
  return db
    .update(mfaTokens)
    .set({ usedAt: now })
    .where(isOpen(operator, hash, now))
    .returning({ hash: mfaTokens.hash });
}
