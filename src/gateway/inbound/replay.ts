import { type Env, settings } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { hastenPublications } from "./hasten.ts";
import { type After, messagesInState, reviveMessage, reviveMessages } from "./queries.ts";
import type { GatewayMessage } from "./tables.ts";

/** What one replay of all takes. */
const ROWS_PER_REPLAY = 1_000;

/** The SMS in one state, those first that came to it last: neither text, number nor user. */
export const listMessages = (
  env: Env,
  state: GatewayMessage["state"],
  page: { after: After | undefined; limit: number },
) => messagesInState(database(env), settings(env).OPERATOR, state, page);

/**
 * Sends a dead SMS to the publisher again; without an id all of them, at most a thousand, those first that have been dead longest.
 * `records` stand in the same batch behind the change. Returns how many it were.
 */
export async function replay(
  env: Env,
  id: string | undefined,
  records: readonly Statement[],
  now = new Date(),
): Promise<number> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [revived] = await db.batch([
    id === undefined ? reviveMessages(db, OPERATOR, now, ROWS_PER_REPLAY) : reviveMessage(db, OPERATOR, id, now),
    ...records,
  ]);
  await hastenPublications(
    env,
    revived.map((message) => message.id),
  );
  return revived.length;
}
