import type { Env } from "#env.ts";

/** A message that may leave now: the row in D1 says what it is. */
export interface MessageJob {
  id: string;
}

export async function deliverMessages(batch: MessageBatch<unknown>, _env: Env): Promise<void> {
  batch.ackAll();
}

export async function sweepMessages(_env: Env, _now = new Date()): Promise<void> {}
