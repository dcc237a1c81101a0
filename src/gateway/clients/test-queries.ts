import { and, asc, count, eq, gt, lt, sql } from "drizzle-orm";
import { type Condition, compared, type Db } from "#platform/db.ts";
import { type Page, rowsBefore } from "./pages.ts";
import { gatewayClients, gatewayTests } from "./tables.ts";

const { operator: owner, msisdn: number, startedAt, status } = gatewayTests;

const of = (operator: string, msisdn: string) => and(eq(owner, operator), eq(number, msisdn));

// A literal, and no parameter: only so does SQLite see that the index of the running ones serves.
const isRunning = sql`${status} = 'running'`;

/** What is running and was begun by `dueBy`. Few are running, and nearly all were begun before: so the times are only compared. */
const isDue = (dueBy: Date) => and(isRunning, sql`${compared(startedAt)} <= ${dueBy.getTime()}`);

/** A client's tests on one page, the newest last. */
export function testsOn(db: Db, operator: string, msisdn: string, page: Page) {
  return db
    .select()
    .from(gatewayTests)
    .where(of(operator, msisdn))
    .orderBy(asc(gatewayTests.id))
    .limit(page.perPage)
    .offset(rowsBefore(page));
}

export function countTests(db: Db, operator: string, msisdn: string) {
  return db.select({ total: count() }).from(gatewayTests).where(of(operator, msisdn));
}

/** How many tests of a client have run out of time at `dueBy`. */
export function countDue(db: Db, operator: string, msisdn: string, dueBy: Date) {
  return db
    .select({ total: count() })
    .from(gatewayTests)
    .where(and(of(operator, msisdn), isDue(dueBy)));
}

/** Whose tests have run out of time at `dueBy`, of all clients. */
export function clientsWithDue(db: Db, operator: string, dueBy: Date) {
  return db
    .selectDistinct({ msisdn: number })
    .from(gatewayTests)
    .where(and(eq(owner, operator), isDue(dueBy)));
}

/** Who has tests from before `time`. */
export function clientsWithOld(db: Db, operator: string, time: Date) {
  return db
    .selectDistinct({ msisdn: number })
    .from(gatewayTests)
    .where(and(eq(owner, operator), lt(startedAt, time)));
}

/** Ends those that have run out of time; of all clients when none is named. */
export function timeOutTests(db: Db, operator: string, dueBy: Date, msisdn?: string) {
  const whose = msisdn === undefined ? eq(owner, operator) : of(operator, msisdn);
  return db
    .update(gatewayTests)
    .set({ status: "timedout" })
    .where(and(whose, isDue(dueBy)));
}

/** Begins a test, if there is such a client and none of its tests is running. Returns the new one or nothing. */
export function insertTest(db: Db, operator: string, msisdn: string, now: Date) {
  return db
    .insert(gatewayTests)
    .select(
      sql`SELECT operator, NULL, msisdn, 'running', ${now.getTime()}, NULL, NULL, NULL FROM gateway_clients
        WHERE operator = ${operator} AND msisdn = ${msisdn}`,
    )
    .onConflictDoNothing()
    .returning({ id: gatewayTests.id });
}

/** When a test's SMS was sent and received, as the client says, and when we got it back. In ms since 1970. */
export interface Arrival {
  sent: number;
  received: number;
  routed: number;
}

/**
 * Ends a running test that was begun after `since` with success; its times lie between its beginning and now, whatever the client's clock
 * says. Returns it, or nothing: of many callers one gets it.
 */
export function succeedTest(
  db: Db,
  operator: string,
  { id, msisdn }: { id: number; msisdn: string },
  { sent, received, routed }: Arrival,
  since: Date,
) {
  const within = (ms: number) => sql`max(${startedAt}, min(${ms}, ${routed}))`;
  return db
    .update(gatewayTests)
    .set({ status: "success", sentAt: within(sent), receivedAt: within(received), routedAt: new Date(routed) })
    .where(and(of(operator, msisdn), eq(gatewayTests.id, id), isRunning, gt(startedAt, since)))
    .returning({ id: gatewayTests.id });
}

/** Longer than this a client may not hold an SMS. */
const PROMPT_MS = 180_000;

/** Counts anew what share of a client's ended tests came back in time, in percent. A running one says nothing yet. */
export function updateScore(db: Db, operator: string, msisdns: readonly string[], condition: Condition = sql`true`) {
  const clients = gatewayClients;
  const score = sql`(SELECT coalesce(round(100.0 * sum(t.status = 'success' AND t.routed_at - t.received_at <= ${PROMPT_MS}) / count(*), 2), 0)
    FROM gateway_tests t WHERE t.operator = ${operator} AND t.msisdn = ${clients.msisdn} AND t.status <> 'running')`;
  const listed = sql`(SELECT value FROM json_each(${JSON.stringify(msisdns)}))`;
  return db
    .update(clients)
    .set({ reliability: score })
    .where(and(eq(clients.operator, operator), sql`${clients.msisdn} IN ${listed}`, condition));
}

export function deleteTests(db: Db, operator: string, msisdn: string) {
  return db.delete(gatewayTests).where(of(operator, msisdn));
}

export function deleteTest(db: Db, operator: string, id: number) {
  return db.delete(gatewayTests).where(and(eq(compared(owner), operator), eq(gatewayTests.id, id)));
}

/** Deletes what was begun before `time`. */
export function deleteTestsBefore(db: Db, operator: string, time: Date) {
  return db.delete(gatewayTests).where(and(eq(owner, operator), lt(startedAt, time)));
}
