import { type Env, settings } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { hastenPublications } from "./hasten.ts";
import { type After, messageById, messagesInState, reviveMessage, reviveMessages } from "./queries.ts";
import type { GatewayMessage } from "./tables.ts";

/** What one replay of all takes. */
const ROWS_PER_REPLAY = 1_000;

export type ListedMessage = Awaited<ReturnType<typeof messagesInState>>[number];

/** The SMS in one state, those first that came to it last: neither text, number nor user. */
export const listMessages = (
  env: Env,
  state: GatewayMessage["state"],
  page: { after: After | undefined; limit: number },
): Promise<ListedMessage[]> => messagesInState(database(env), settings(env).OPERATOR, state, page);

/**
 * Sends a dead SMS to the publisher again, as it was when it died; without an id all of them, at most a thousand, those first that have been
 * dead longest. `records` stand in the same batch behind the change. Returns how many there were, or that there is no such SMS.
 */
export async function replay(env: Env, id: undefined, records: readonly Statement[], now?: Date): Promise<number>;
export async function replay(
  env: Env,
  id: string,
  records: readonly Statement[],
  now?: Date,
): Promise<number | "unknown">;
export async function replay(env: Env, id: string | undefined, records: readonly Statement[], now = new Date()) {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const revive =
    id === undefined ? reviveMessages(db, OPERATOR, now, ROWS_PER_REPLAY) : reviveMessage(db, OPERATOR, id, now);
  const [revived] = await db.batch([revive, ...records]);
  await hastenPublications(
    env,
    revived.map((message) => message.id),
  );
  if (id !== undefined && revived.length === 0 && !(await messageById(db, OPERATOR, id))) return "unknown";
  return revived.length;
}
