import { and, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { deskNumbers } from "./tables.ts";

type Kind = typeof deskNumbers.$inferSelect.kind;

/** Takes the next number of its kind. What refers to it in the same batch is `lastNumber`. */
export function takeDeskNumber(db: Db, operator: string, kind: Kind) {
  return db
    .insert(deskNumbers)
    .values({ operator, kind, last: 1 })
    .onConflictDoUpdate({ target: [deskNumbers.operator, deskNumbers.kind], set: { last: sql`last + 1` } })
    .returning({ last: deskNumbers.last });
}

/** The number that was taken last: behind `takeDeskNumber` in one batch, that one. */
export const lastNumber = (operator: string, kind: Kind): SQL<number> =>
  sql<number>`(SELECT ${deskNumbers.last} FROM ${deskNumbers} WHERE ${and(eq(deskNumbers.operator, operator), eq(deskNumbers.kind, kind))})`;

/** The time of a new row, or null, which its column refuses, when there are as many as there may be. */
export const timeUnlessFull = (count: SQL, limit: number, at: Date): SQL<Date> =>
  sql<Date>`CASE WHEN (${count}) < ${limit} THEN ${at.getTime()} END`;
