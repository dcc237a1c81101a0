import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import { database, type Statement } from "./db.ts";
import { AppError } from "./errors.ts";
import { deadLetterById, deadLettersOf, insertDeadLetter, markReplayed } from "./queries.ts";
import type { deadLetters } from "./tables.ts";

export type DeadLetter = typeof deadLetters.$inferSelect;

/** Writes down what a consumer gave up on, so that Operations can show it and send it again. */
export async function keepDeadLetters(batch: MessageBatch<unknown>, env: Env, now = new Date()): Promise<void> {
  for (const message of batch.messages) {
    console.error("dead letter", batch.queue, message.id);
    const queue = batch.queue.replace(/-dead$/, "");
    const body = JSON.stringify(message.body);
    await insertDeadLetter(database(env), {
      operator: settings(env).OPERATOR,
      id: message.id,
      queue,
      body,
      failedAt: now,
    });
    message.ack();
  }
}

/** Those that were sent again, or those that were not, the latest first. */
export const listDeadLetters = (
  env: Env,
  isReplayed: boolean,
  page: Parameters<typeof deadLettersOf>[3],
): Promise<DeadLetter[]> => deadLettersOf(database(env), settings(env).OPERATOR, isReplayed, page);

const QUEUES: Record<string, (env: Env) => Queue<never>> = {
  messages: (env) => env.MESSAGES as Queue<never>,
  signals: (env) => env.SIGNALS as Queue<never>,
  archive: (env) => env.ARCHIVE as Queue<never>,
  panels: (env) => env.PANELS as Queue<never>,
  "operator-calls": (env) => env.OPERATOR_CALLS as Queue<never>,
  publications: (env) => env.PUBLICATIONS as Queue<never>,
};

/**
 * Sends a dead letter to its queue again, and then says so: what dies in between is sent twice, which no consumer minds. `records` stand
 * behind the change in its batch. Throws AppError `not_found`, and `conflict` for one that was sent again already or whose queue is no more.
 */
export async function replayDeadLetter(
  env: Env,
  id: string,
  records: readonly Statement[],
  now = new Date(),
): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const letter = await deadLetterById(db, OPERATOR, id);
  if (!letter) throw new AppError("not_found", "There is no such dead letter");
  const queue = QUEUES[letter.queue];
  if (letter.replayedAt || !queue) throw new AppError("conflict", "It cannot be sent again");
  await queue(env).send(JSON.parse(letter.body) as never);
  await db.batch([markReplayed(db, OPERATOR, id, now), ...records]);
}
