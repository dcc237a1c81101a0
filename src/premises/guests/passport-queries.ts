import { and, asc, eq, lt, or, type SQL, sql } from "drizzle-orm";
import type { Condition, Db } from "#platform/db.ts";
import { type Passport, passports } from "./tables.ts";

const DAY = 86_400_000;
const LISTED = 500;

/** Notes a picture that is on its way; no row comes back when the contract has sent its day's. */
export function insertPassport(
  db: Db,
  { operator, id, uid, phone, accountId, file, createdAt }: Omit<Passport, "state" | "decidedAt">,
  mostPerDay: number,
) {
  const at = createdAt.getTime();
  return db
    .insert(passports)
    .select(
      sql`SELECT ${operator}, ${id}, ${uid}, ${phone}, ${accountId}, ${file}, 'sent', ${at}, NULL
        WHERE (SELECT count(*) FROM passports AS p
          WHERE p.operator = ${operator} AND p.uid = ${uid} AND p.created_at > ${at - DAY}) < ${mostPerDay}`,
    )
    .returning({ id: passports.id });
}

const ofId = (operator: string, id: string): SQL => and(eq(passports.operator, operator), eq(passports.id, id))!;

export function passportBy(db: Db, operator: string, id: string) {
  return db.select().from(passports).where(ofId(operator, id)).get();
}

/** The oldest first, all or those in one state. */
export function passportRows(db: Db, operator: string, state: Passport["state"] | undefined) {
  return db
    .select()
    .from(passports)
    .where(and(eq(passports.operator, operator), state && eq(passports.state, state)))
    .orderBy(asc(passports.createdAt))
    .limit(LISTED)
    .all();
}

export function decidePassportRow(db: Db, operator: string, id: string, state: Passport["state"], at: Date) {
  return db
    .update(passports)
    .set({ state, decidedAt: at })
    .where(ofId(operator, id))
    .returning({ uid: passports.uid, phone: passports.phone });
}

/** Nobody needs these pictures any more: as if they had been decided about long ago, they go with the next sweep. */
export function giveUpPassportsOf(db: Db, operator: string, whose: { uid: number } | { accounts: Condition }) {
  const theirs = "uid" in whose ? eq(passports.uid, whose.uid) : sql`${passports.accountId} IN (${whose.accounts})`;
  return db
    .update(passports)
    .set({ state: "refused", decidedAt: new Date(0) })
    .where(and(eq(passports.operator, operator), theirs));
}

/** Pictures that were decided about, or sent, before these times. */
export function passportsToForget(db: Db, operator: string, ends: { decided: Date; sent: Date }, limit: number) {
  const ofState = (state: Passport["state"]) => and(eq(passports.operator, operator), eq(passports.state, state));
  return db
    .select({ id: passports.id, file: passports.file })
    .from(passports)
    .where(
      or(
        and(ofState("confirmed"), lt(passports.decidedAt, ends.decided)),
        and(ofState("refused"), lt(passports.decidedAt, ends.decided)),
        and(ofState("sent"), lt(passports.createdAt, ends.sent)),
      ),
    )
    .limit(limit);
}

export function deletePassports(db: Db, operator: string, ids: readonly string[]) {
  return db
    .delete(passports)
    .where(
      and(
        eq(passports.operator, operator),
        sql`${passports.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
      ),
    );
}
