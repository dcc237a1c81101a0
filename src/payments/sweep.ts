import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { bankOf } from "./banks/bank.ts";
import { endInvoices, takeUnsettled } from "./queries.ts";
import { settle } from "./settle.ts";

/** A callback takes seconds; whoever types a card's number takes minutes. */
const PATIENCE_MS = 60_000;
/** What was not paid in so long is not asked about any more. */
const LIFE_MS = 7 * 86_400_000;
/** Questions to the bank in one minute. */
const PER_SWEEP = 25;
const ROWS_PER_SWEEP = 500;

/**
 * Each minute: asks the bank about invoices whose callback did not come, less and less often for a week, so that nothing paid is lost.
 * Sberbank also about those that no form was asked for: an app may have paid them by a wallet.
 */
export async function sweepInvoices(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }, bank] = [database(env), settings(env), bankOf(env)];
  if (!bank) return;
  const states = bank.name === "sber" ? (["open", "registered"] as const) : (["registered"] as const);
  const [unsettled] = await db.batch([
    takeUnsettled(db, OPERATOR, [...states], now, PATIENCE_MS, PER_SWEEP),
    endInvoices(db, OPERATOR, new Date(now.getTime() - LIFE_MS), ROWS_PER_SWEEP),
  ]);
  const ours = unsettled.filter(({ provider }) => provider === null || provider === bank.name);
  await Promise.all(
    ours.map((invoice) =>
      settle(env, bank, invoice, now).catch((error: unknown) =>
        logError(`invoice ${invoice.number} not asked about`, error),
      ),
    ),
  );
}
