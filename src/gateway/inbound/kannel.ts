import { type Env, settings } from "#env.ts";
import { inboundAmong, markHeard, unheardInbound } from "#messaging/queries.ts";
import type { InboundMessage } from "#messaging/tables.ts";
import { database, type Statement } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { Signal } from "#platform/signals.ts";
import { isInUse, rowFor } from "./accept.ts";
import { hastenPublications } from "./hasten.ts";
import { insertMessages } from "./queries.ts";

const ROWS_PER_SWEEP = 200;
/** What is older when the gateway is first used was not sent to it. */
const OLDEST_MS = 7 * 86_400_000;

/**
 * Hears of SMS that came through Kannel. Only looks at the signals: whoever hears the others says what becomes of the batch. What it
 * cannot do now the cron does.
 */
export async function hearInboundSms(env: Env, batch: MessageBatch<unknown>, now = new Date()): Promise<void> {
  const { OPERATOR } = settings(env);
  const signals = batch.messages.map(({ body }) => Signal.safeParse(body).data);
  const ids = signals.flatMap((signal) =>
    signal?.type === "sms.received" && signal.operator === OPERATOR ? signal.id : [],
  );
  if (ids.length === 0 || !isInUse(env)) return;
  try {
    await take(env, await inboundAmong(database(env), OPERATOR, ids), now);
  } catch (error) {
    logError("inbound SMS wait for the cron", error);
  }
}

/** What no signal has told of, the oldest first. Where the gateway is not in use nobody asks. */
export async function hearUnheard(env: Env, now = new Date()): Promise<void> {
  if (!isInUse(env)) return;
  const since = new Date(now.getTime() - OLDEST_MS);
  await take(env, await unheardInbound(database(env), settings(env).OPERATOR, since, ROWS_PER_SWEEP), now);
}

// The id says which SMS it was, so that two who hear of it at once make one row.
async function take(env: Env, unheard: InboundMessage[], now: Date): Promise<void> {
  if (unheard.length === 0) return;
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const rows = await Promise.all(unheard.map((sms) => rowFor(env, { ...brought(sms), source: "kannel" }, now)));
  const heard: Statement = markHeard(
    db,
    OPERATOR,
    unheard.map(({ id }) => id),
    now,
  );
  await db.batch([heard, ...insertMessages(db, rows)]);
  await hastenPublications(
    env,
    rows.map(({ id }) => id),
  );
}

const brought = ({ id, sender, text }: InboundMessage) => ({
  ...{ id: `kannel_${id}`, client: null, text },
  sender: withPlus(sender),
});

/** Kannel's numbers stand there with their country code and without a plus; short codes and names are no numbers. */
const withPlus = (sender: string): string => (/^[1-9]\d{6,14}$/.test(sender) ? `+${sender}` : sender);
