import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { deleteChatBefore } from "./inbox/chat-queries.ts";
import { deleteInboxBefore } from "./inbox/queries.ts";
import { hasten, jobOf, QUEUE_BATCH } from "./outbox.ts";
import {
  deleteInboundBefore,
  deleteMessagesBefore,
  expireMessages,
  giveUpReports,
  operatorsWithMessages,
  requeueMessages,
} from "./queries.ts";

/** A queue that is merely slow gets this long before the cron sends the same id again. */
const OVERDUE_MS = 20_000;
const KEEP_MS = 90 * 86_400_000;
/** What residents read in the app: half a year for messages, a year for the chat. */
const KEEP_INBOX_MS = 183 * 86_400_000;
const KEEP_CHAT_MS = 366 * 86_400_000;
const ROWS_PER_SWEEP = 500;

/** Each minute, for every operator: what nobody else would take up. One operator's trouble is not the next one's. */
export async function sweepMessages(env: Env, now = new Date()): Promise<void> {
  const operators = new Set([settings(env).OPERATOR, ...(await operatorsWithMessages(database(env)))]);
  for (const operator of operators) {
    await sweepMessagesOf(env, operator, now).catch((error) => logError(`messages of ${operator} not swept`, error));
  }
}

/**
 * Ends what is too late, sends ids again that the queue lost or whose consumer died, gives up reports that do
 * not come, and deletes what is older than 90 days.
 */
export async function sweepMessagesOf(env: Env, operator: string, now = new Date()): Promise<void> {
  const { OPERATOR } = settings(env);
  const db = database(env);
  const dueBefore = later(now, -OVERDUE_MS);
  const tooOld = later(now, -KEEP_MS);
  const [, overdue] = await db.batch([
    expireMessages(db, operator, now, ROWS_PER_SWEEP),
    requeueMessages(db, operator, { now, dueBefore }, ROWS_PER_SWEEP),
    giveUpReports(db, operator, now, ROWS_PER_SWEEP),
    deleteMessagesBefore(db, operator, tooOld, ROWS_PER_SWEEP),
    deleteInboundBefore(db, operator, tooOld, ROWS_PER_SWEEP),
    deleteInboxBefore(db, operator, later(now, -KEEP_INBOX_MS), ROWS_PER_SWEEP),
    deleteChatBefore(db, operator, later(now, -KEEP_CHAT_MS), ROWS_PER_SWEEP),
  ]);
  for (let start = 0; start < overdue.length; start += QUEUE_BATCH) {
    const jobs = overdue.slice(start, start + QUEUE_BATCH).map(({ id }) => ({ body: jobOf(id, operator, OPERATOR) }));
    await hasten(() => env.MESSAGES.sendBatch(jobs));
  }
}

const later = (time: Date, ms: number) => new Date(time.getTime() + ms);
