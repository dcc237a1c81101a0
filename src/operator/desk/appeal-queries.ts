import { and, asc, desc, eq, gt, lte, type SQL, sql } from "drizzle-orm";
import { type Condition, type Db, ifChanged } from "#platform/db.ts";
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

type NewAppeal = Omit<Appeal, "id">;

const saidBy = ({ operator, uid, phone }: NewAppeal, since: Date): SQL =>
  sql`operator = ${operator} AND uid = ${uid} AND phone = ${phone} AND created_at > ${since.getTime()}`;

const sameAs = (appeal: NewAppeal, since: Date): SQL =>
  sql`${saidBy(appeal, since)} AND category_id = ${appeal.categoryId} AND description = ${appeal.description}`;

/** What the same person said of the same home in the same words since: a repetition. */
export function appealLike(db: Db, appeal: NewAppeal, since: Date) {
  return db
    .select({ id: appeals.id, picture: appeals.picture })
    .from(appeals)
    .where(sameAs(appeal, since))
    .orderBy(desc(appeals.createdAt))
    .limit(1);
}

/**
 * Writes an appeal under the number that was taken before it in the same batch, unless it repeats one that
 * came since `repeated`. Refused with a null when the day is full.
 */
export function insertAppeal(db: Db, appeal: NewAppeal, { limit, since }: DayLimit, repeated: Date) {
  const { operator, uid, phone, address, categoryId, description, picture, status, createdAt, updatedAt } = appeal;
  const today = sql`SELECT count(*) FROM ${appeals} WHERE ${saidBy(appeal, since)}`;
  const at = timeUnlessFull(today, limit, createdAt);
  return db
    .insert(appeals)
    .select(
      sql`SELECT ${operator}, ${lastNumber(operator, "appeal")}, ${uid}, ${phone}, ${address}, ${categoryId}, ${description},
          ${picture}, ${status}, ${at}, ${updatedAt.getTime()}
        WHERE NOT EXISTS (SELECT 1 FROM ${appeals} WHERE ${sameAs(appeal, repeated)})`,
    )
    .returning({ id: appeals.id });
}

type NewStep = Omit<AppealStep, "id" | "appealId">;

/** The first step of the appeal, if the statement before it in the same batch has written it. */
export function insertFirstStep(db: Db, { operator, kind, text, picture, createdAt }: NewStep) {
  return db.insert(appealSteps).select(
    sql`SELECT NULL, ${operator}, ${lastNumber(operator, "appeal")}, ${kind}, ${text}, ${picture}, ${createdAt.getTime()}
      WHERE ${ifChanged}`,
  );
}

export function setAppealPicture(db: Db, operator: string, id: number, picture: string) {
  return db
    .update(appeals)
    .set({ picture })
    .where(and(eq(appeals.operator, operator), eq(appeals.id, id)));
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

/** Forgets who complained: these phones, named by a subquery. What they said of the house stays the house's. */
export function forgetComplainers(db: Db, operator: string, phones: Condition, onlyIf?: Condition) {
  return db
    .update(appeals)
    .set({ phone: "" })
    .where(and(eq(appeals.operator, operator), sql`${appeals.phone} IN (${phones})`, onlyIf));
}

/** No home is number 0, and the time is long ago: nobody is shown these any more, and the next sweep takes them with their pictures. */
export function giveUpAppealsOf(db: Db, operator: string, uid: number) {
  return db
    .update(appeals)
    .set({ uid: 0, phone: "", updatedAt: new Date(0) })
    .where(and(eq(appeals.operator, operator), eq(appeals.uid, uid)));
}

/** Appeals that nobody has touched since, with all their pictures: some of them. */
export function appealsBefore(db: Db, operator: string, time: Date, limit: number) {
  return db
    .select({ id: appeals.id, picture: appeals.picture, steps })
    .from(appeals)
    .where(and(eq(appeals.operator, operator), lte(appeals.updatedAt, time)))
    .orderBy(asc(appeals.updatedAt))
    .limit(limit)
    .all();
}

export function deleteAppeals(db: Db, operator: string, ids: readonly number[]) {
  const these = sql`(SELECT value FROM ${listed(ids)})`;
  return [
    db.delete(appealSteps).where(and(eq(appealSteps.operator, operator), sql`${appealSteps.appealId} IN ${these}`)),
    db.delete(appeals).where(and(eq(appeals.operator, operator), sql`${appeals.id} IN ${these}`)),
  ] as const;
}
