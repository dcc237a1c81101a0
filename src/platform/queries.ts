import { and, desc, eq, isNotNull, isNull, lt, or } from "drizzle-orm";
import type { Db } from "./db.ts";
import { deadLetters } from "./tables.ts";

export function insertDeadLetter(db: Db, letter: typeof deadLetters.$inferInsert) {
  return db.insert(deadLetters).values(letter).onConflictDoNothing();
}

export function deadLetterById(db: Db, operator: string, id: string) {
  return db.select().from(deadLetters).where(keyIs(operator, id)).get();
}

/** Those that were sent again, or those that were not, the latest first; `after` is the last one of the page before. */
export function deadLettersOf(
  db: Db,
  operator: string,
  isReplayed: boolean,
  { after, limit }: { after: { at: number; id: string } | undefined; limit: number },
) {
  const { failedAt, id, replayedAt } = deadLetters;
  const at = after && new Date(after.at);
  const isBehind = after && or(lt(failedAt, at!), and(eq(failedAt, at!), lt(id, after.id)));
  const isOfState = isReplayed ? isNotNull(replayedAt) : isNull(replayedAt);
  return db
    .select()
    .from(deadLetters)
    .where(and(eq(deadLetters.operator, operator), isOfState, isBehind))
    .orderBy(desc(failedAt), desc(id))
    .limit(limit);
}

export function markReplayed(db: Db, operator: string, id: string, now: Date) {
  return db
    .update(deadLetters)
    .set({ replayedAt: now })
    .where(and(keyIs(operator, id), isNull(deadLetters.replayedAt)));
}

const keyIs = (operator: string, id: string) => and(eq(deadLetters.operator, operator), eq(deadLetters.id, id));
