import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { type Actor, journal, SYSTEM } from "../journal/journal.ts";
import { endSessionsOfClient } from "../sessions/queries.ts";
import { forgetTokens } from "../sessions/sessions.ts";
import { tellRefused } from "../tokens/key-admin.ts";
import { disabledClientsInUse } from "./queries.ts";
import type { Client } from "./tables.ts";

// A client that is switched off opens nothing at once where D1 is asked, and nothing at the edge as soon as it has heard. Its
// sessions end besides, so that nobody is back in when it is switched on again. There may be very many: some end at a time.

// Each is a write to KV, of which an invocation may make a thousand, and the minute's round has others to make.
const SESSIONS_AT_ONCE = 100;
const CLIENTS_AT_ONCE = 2;

/** To be called behind a change of a client's status. */
export async function clientSwitched(
  env: Env,
  client: Pick<Client, "operator" | "id" | "status">,
  actor: Actor,
  now: Date,
) {
  await tellRefused(env, now);
  if (client.status === "disabled") await endSome(env, client, actor, now);
}

/** Every minute: what is left of the sessions of clients that are switched off. */
export async function endDisabledClients(env: Env, now = new Date()): Promise<void> {
  for (const client of await disabledClientsInUse(database(env), CLIENTS_AT_ONCE))
    await endSome(env, client, SYSTEM, now);
}

async function endSome(env: Env, { operator, id }: Pick<Client, "operator" | "id">, actor: Actor, now: Date) {
  const db = database(env);
  const reason = "client disabled";
  const entry = { action: "sessions.ended", target: { kind: "client", id }, reason };
  const [ended] = await db.batch([
    endSessionsOfClient(db, operator, { clientId: id, at: now, reason }, SESSIONS_AT_ONCE),
    ...journal(db, operator, actor, entry, now),
  ]);
  await forgetTokens(env, ended);
}
