import type { Env } from "#env.ts";

export async function hearSignals(batch: MessageBatch<unknown>, _env: Env): Promise<void> {
  batch.ackAll();
}
