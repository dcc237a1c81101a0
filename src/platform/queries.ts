import type { Db } from "./db.ts";
import { deadLetters } from "./tables.ts";

export function insertDeadLetter(db: Db, letter: typeof deadLetters.$inferInsert) {
  return db.insert(deadLetters).values(letter).onConflictDoNothing();
}
