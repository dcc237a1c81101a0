import { type Env, settings } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { insertIntoClickhouse } from "./clickhouse.ts";
import { plogOfEvent, rowOfCameraEvent } from "./clickhouse-rows.ts";
import { deleteFrom, waitingCameraEvents, waitingEvents } from "./event-queries.ts";

/** So long an event stays in D1 before it leaves: its picture is added there, and ClickHouse changes no rows. */
export const SETTLE_SECONDS = 20;

const ROWS_OF_A_BATCH = 500;
/** The tables have a partition for each day, and an insert may touch a hundred of them. */
const DAYS_OF_A_BATCH = 50;
/** Enough for an outage to be caught up with over some minutes, and little enough for one round of the cron. */
const BATCHES_AT_ONCE = 20;
const DAY_MS = 86_400_000;

/**
 * Writes the events that wait in D1 into the operator's ClickHouse, oldest first, and deletes what it has taken. Runs at the
 * signal and each minute. Throws `unavailable` when it does not take them; they stay where they are.
 */
export async function flushEvents(env: Env, now = new Date()): Promise<void> {
  if (settings(env).EVENTS !== "clickhouse") return;
  const until = new Date(now.getTime() - SETTLE_SECONDS * 1000);
  for (let batches = 0; batches < BATCHES_AT_ONCE && (await flushHomes(env, until)); batches++);
  for (let batches = 0; batches < BATCHES_AT_ONCE && (await flushCameras(env, until)); batches++);
}

/** Writes one batch, and tells whether more may wait. */
async function flushHomes(env: Env, until: Date): Promise<boolean> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const waiting = await waitingEvents(db, OPERATOR, until, ROWS_OF_A_BATCH);
  const batch = firstDaysOf(waiting, ({ at }) => at);
  if (batch.length === 0) return false;
  await insertIntoClickhouse(env, "plog", batch.map(plogOfEvent), tokenOf(batch));
  await deleteFrom(db, "events", OPERATOR, idsOf(batch));
  return batch.length < waiting.length || waiting.length === ROWS_OF_A_BATCH;
}

async function flushCameras(env: Env, until: Date): Promise<boolean> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const waiting = await waitingCameraEvents(db, OPERATOR, until, ROWS_OF_A_BATCH);
  const batch = firstDaysOf(waiting, ({ startedAt }) => startedAt);
  if (batch.length === 0) return false;
  await insertIntoClickhouse(env, "events", batch.map(rowOfCameraEvent), tokenOf(batch));
  await deleteFrom(db, "cameraEvents", OPERATOR, idsOf(batch));
  return batch.length < waiting.length || waiting.length === ROWS_OF_A_BATCH;
}

/** Of rows in order of time those that one insert may hold. */
function firstDaysOf<R>(rows: readonly R[], at: (row: R) => Date): R[] {
  const [first] = rows;
  if (!first) return [];
  const end = at(first).getTime() + DAYS_OF_A_BATCH * DAY_MS;
  return rows.filter((row) => at(row).getTime() < end);
}

const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);

/** The same for the same rows: a batch that was taken and not deleted here is sent again as it was. */
const tokenOf = (rows: readonly { id: string }[]): string => sha256(idsOf(rows).join(" "));
