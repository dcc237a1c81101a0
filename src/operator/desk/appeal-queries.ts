import { and, asc, desc, eq, gt, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import type { DayLimit } from "./issue-queries.ts";
import { lastNumber, timeUnlessFull } from "./number-queries.ts";
import { type Appeal, type AppealStep, appealCategories, appealSteps, appeals } from "./tables.ts";

const listed = (values: readonly unknown[]): SQL => sql`json_each(${JSON.stringify(values)})`;

export function categoriesOf(db: Db, operator: string) {
  return db
    .select({ id: appealCategories.id, name: appealCategories.name })
    .from(appealCategories)
    .where(eq(appealCategories.operator, operator))
    .orderBy(asc(appealCategories.id));
}

export function replaceCategories(db: Db, operator: string, categories: readonly { id: number; name: string }[]) {
  return [
    db.delete(appealCategories).where(eq(appealCategories.operator, operator)),
    db
      .insert(appealCategories)
      .select(sql`SELECT ${operator}, value ->> 'id', value ->> 'name' FROM ${listed(categories)} WHERE true`)
      .onConflictDoUpdate({
        target: [appealCategories.operator, appealCategories.id],
        set: { name: sql`excluded.name` },
      }),
  ] as const;
}

/** Writes an appeal under the number that was taken before it in the same batch. Refused with a null when the day is full. */
export function insertAppeal(db: Db, appeal: Omit<Appeal, "id">, { limit, since }: DayLimit) {
  const { operator, uid, phone } = appeal;
  const today = sql`SELECT count(*) FROM ${appeals}
    WHERE operator = ${operator} AND uid = ${uid} AND phone = ${phone} AND created_at > ${since.getTime()}`;
  return db
    .insert(appeals)
    .values({
      ...appeal,
      id: lastNumber(operator, "appeal"),
      createdAt: timeUnlessFull(today, limit, appeal.createdAt),
    })
    .returning({ id: appeals.id });
}

type NewStep = Omit<AppealStep, "id" | "appealId">;

/** The first step of the appeal that was written before it in the same batch. */
export function insertFirstStep(db: Db, step: NewStep) {
  return db.insert(appealSteps).values({ ...step, appealId: lastNumber(step.operator, "appeal") });
}

/** A further step, if there is such an appeal. */
export function insertStep(db: Db, { operator, appealId, kind, text, picture, createdAt }: Omit<AppealStep, "id">) {
  return db.insert(appealSteps).select(
    sql`SELECT NULL, ${operator}, id, ${kind}, ${text}, ${picture}, ${createdAt.getTime()} FROM ${appeals}
      WHERE operator = ${operator} AND id = ${appealId}`,
  );
}

export function updateAppeal(
  db: Db,
  operator: string,
  id: number,
  change: Partial<Pick<Appeal, "status">> & Pick<Appeal, "updatedAt">,
) {
  return db
    .update(appeals)
    .set(change)
    .where(and(eq(appeals.operator, operator), eq(appeals.id, id)))
    .returning();
}

const steps = sql`(SELECT json_group_array(
    json_object('kind', s.kind, 'text', s.text, 'picture', s.picture, 'at', s.created_at) ORDER BY s.id)
  FROM appeal_steps AS s WHERE s.operator = appeals.operator AND s.appeal_id = appeals.id)`.mapWith(
  (json) => JSON.parse(json) as (Pick<AppealStep, "kind" | "text" | "picture"> & { at: number })[],
);

/** A contract's appeals with their steps, the latest first. */
export function appealsOf(db: Db, operator: string, uid: number, limit: number) {
  return db
    .select({ appeal: appeals, steps })
    .from(appeals)
    .where(and(eq(appeals.operator, operator), eq(appeals.uid, uid)))
    .orderBy(desc(appeals.createdAt), desc(appeals.id))
    .limit(limit);
}

interface Page {
  status?: number | undefined;
  after: number;
  limit: number;
}

/** The operator's appeals by number, behind the number `after`. */
export function appealsIn(db: Db, operator: string, { status, after, limit }: Page) {
  const inState = status === undefined ? undefined : eq(appeals.status, status);
  return db
    .select({ appeal: appeals, steps })
    .from(appeals)
    .where(and(eq(appeals.operator, operator), gt(appeals.id, after), inState))
    .orderBy(asc(appeals.id))
    .limit(limit);
}
