import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import { database } from "./db.ts";
import { insertDeadLetter } from "./queries.ts";

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
