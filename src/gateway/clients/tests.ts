import { type Env, settings } from "#env.ts";
import { acceptSms } from "#messaging/outbox.ts";
import { database, ifChanged } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { clientBy } from "./client-queries.ts";
import { noClient, numberOf } from "./clients.ts";
import type { Page } from "./pages.ts";
import type { ReliabilityTest } from "./tables.ts";
import {
  clientsWithDue,
  clientsWithOld,
  countDue,
  countTests,
  deleteTest,
  deleteTestsBefore,
  insertTest,
  testsOn,
  timeOutTests,
  updateScore,
} from "./test-queries.ts";
import { TEST_LIFE_MS, textOfTest } from "./test-text.ts";

const KEEP_MS = 90 * 86_400_000;

/** One page of a client's tests, after those have been ended that ran out of time. Throws AppError `not_found`. */
export async function testsOf(env: Env, written: string, page: Page, now = new Date()) {
  const [db, { OPERATOR }, msisdn] = [database(env), settings(env), numberOf(written)];
  const dueBy = before(now, TEST_LIFE_MS);
  const [[client], [due], [counted], tests] = await db.batch([
    clientBy(db, OPERATOR, msisdn),
    countDue(db, OPERATOR, msisdn, dueBy),
    countTests(db, OPERATOR, msisdn),
    testsOn(db, OPERATOR, msisdn, page),
  ]);
  if (!client) noClient(written);
  const total = counted?.total ?? 0;
  if (!due?.total) return { total, tests };

  const [, , current] = await db.batch([
    timeOutTests(db, OPERATOR, dueBy, msisdn),
    updateScore(db, OPERATOR, [msisdn], ifChanged),
    testsOn(db, OPERATOR, msisdn, page),
  ]);
  return { total, tests: current };
}

/**
 * Begins a test of a client: an SMS leaves for it, which it must bring back. Throws AppError `not_found`, and `conflict` while
 * another one is running.
 */
export async function startTest(env: Env, written: string, now = new Date()): Promise<{ id: number; startedAt: Date }> {
  const [db, { OPERATOR }, msisdn] = [database(env), settings(env), numberOf(written)];
  const [[client], , , [test]] = await db.batch([
    clientBy(db, OPERATOR, msisdn),
    timeOutTests(db, OPERATOR, before(now, TEST_LIFE_MS), msisdn),
    updateScore(db, OPERATOR, [msisdn], ifChanged),
    insertTest(db, OPERATOR, msisdn, now),
  ]);
  if (!client) noClient(written);
  if (!test) throw new AppError("conflict", "A test of this gateway client is running.");
  await sendTest(env, { id: test.id, msisdn }, now);
  return { id: test.id, startedAt: now };
}

// A test whose SMS nobody took would end as a failure of the client.
async function sendTest(env: Env, test: Pick<ReliabilityTest, "id" | "msisdn">, now: Date): Promise<void> {
  const sms = {
    to: test.msisdn.slice(1),
    text: textOfTest(settings(env).MASTER_KEY, test),
    purpose: "gateway-test",
    expiresAt: before(now, -TEST_LIFE_MS),
  };
  try {
    await acceptSms(env, sms, now);
  } catch (error) {
    await deleteTest(database(env), settings(env).OPERATOR, test.id);
    throw error;
  }
}

/** Each minute: ends what has run out of time and forgets what is older than 90 days. The scores follow. */
export async function sweepTests(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [dueBy, tooOld] = [before(now, TEST_LIFE_MS), before(now, KEEP_MS)];
  const [due, old] = await db.batch([clientsWithDue(db, OPERATOR, dueBy), clientsWithOld(db, OPERATOR, tooOld)]);
  const changed = [...new Set([...due, ...old].map(({ msisdn }) => msisdn))];
  if (changed.length === 0) return;
  await db.batch([
    timeOutTests(db, OPERATOR, dueBy),
    deleteTestsBefore(db, OPERATOR, tooOld),
    updateScore(db, OPERATOR, changed),
  ]);
}

const before = (time: Date, ms: number) => new Date(time.getTime() - ms);
