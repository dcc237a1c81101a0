import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { Signal } from "#platform/signals.ts";
import { deletedSince, theseAccounts } from "#premises/leaver-queries.ts";
import { deleteOldOrders, deleteUsersOf } from "./queries.ts";

/** A lost signal is made good for as long. */
const LATELY_MS = 3_600_000;
/** An order to forget a key is not sent again after so long, and if it were, an app would have to sync once more. */
const ORDERS_MS = 400 * 86_400_000;

/** Forgets the gateway's users whose accounts the signals call deleted: profile, keys, platforms. */
export async function forgetDeletedUsers(env: Env, batch: MessageBatch<unknown>): Promise<void> {
  const signals = batch.messages.map(({ body }) => Signal.safeParse(body).data);
  const [first, ...rest] = signals.flatMap((signal) =>
    signal?.type === "account.deleted"
      ? deleteUsersOf(database(env), signal.operator, theseAccounts([signal.account]))
      : [],
  );
  if (first) await database(env).batch([first, ...rest]);
}

/** Each minute: the same for whoever left lately, and orders so old that nobody needs to know them. */
export async function sweepUsers(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await db.batch([
    ...deleteUsersOf(db, OPERATOR, deletedSince(OPERATOR, new Date(now.getTime() - LATELY_MS))),
    deleteOldOrders(db, OPERATOR, new Date(now.getTime() - ORDERS_MS)),
  ]);
}
