import { type Env, settings } from "#env.ts";
import { type Db, database, ifChanged, type Statement } from "#platform/db.ts";
import { updatePublished } from "./client-queries.ts";
import { succeedTest, updateScore } from "./test-queries.ts";
import { TEST_LIFE_MS, testIn } from "./test-text.ts";

/** An SMS as a client brought it. Its times are in ms since 1970, as numbers or as digits; only tests need them. */
export interface BroughtSms {
  text: string;
  /** When the client received it. */
  date?: unknown;
  /** When it was sent. */
  dateSent?: unknown;
}

/**
 * Ends the running test that an SMS belongs to, once, and counts the client's score anew. False for any other SMS: an ordinary
 * one, one without its times, one of a test that is over.
 */
export async function settleTest(env: Env, { text, date, dateSent }: BroughtSms, now = new Date()): Promise<boolean> {
  const [received, sent] = [msOf(date), msOf(dateSent)];
  if (received === undefined || sent === undefined) return false;
  const { MASTER_KEY, OPERATOR } = settings(env);
  const test = testIn(MASTER_KEY, text);
  if (!test) return false;
  const db = database(env);
  const since = new Date(now.getTime() - TEST_LIFE_MS);
  const [settled] = await db.batch([
    succeedTest(db, OPERATOR, test, { sent, received, routed: now.getTime() }, since),
    updateScore(db, OPERATOR, [test.msisdn], ifChanged),
  ]);
  return settled.length > 0;
}

/** The end of time as a Date knows it. */
const LATEST = 8.64e15;

function msOf(time: unknown): number | undefined {
  const ms = typeof time === "string" && /^\d{1,20}$/.test(time) ? Number(time) : time;
  if (typeof ms !== "number" || !Number.isFinite(ms)) return undefined;
  return Math.trunc(Math.min(Math.max(ms, 0), LATEST));
}

/** Says that a client has brought something that was published. */
export const touchClient = (db: Db, operator: string, msisdn: string, now: Date): Statement =>
  updatePublished(db, operator, msisdn, now);
