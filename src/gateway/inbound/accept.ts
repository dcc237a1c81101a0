import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import { hastenPublications } from "./hasten.ts";
import { insertMessages } from "./queries.ts";
import { type Received, sealSms } from "./sealed-sms.ts";
import type { GatewayMessage } from "./tables.ts";

export interface InboundSms extends Received {
  /** Where it has one of its own: with an id that is there already it is the same SMS. */
  id?: string;
  /** The platform of the path, or `kannel`. */
  source: string;
  /** The number of the gateway client that brought it. */
  client: string | null;
}

/** Whether SMS are looked at here at all. */
export const isInUse = (env: Env): boolean => settings(env).GATEWAY_HASHING_SALT !== undefined;

/**
 * Takes an SMS. Once this has returned it is not lost, and nobody has looked at it: whose it is, and whether it can be opened, must not
 * show in how the one who brought it is answered, or in how long that takes. `after` is where the queue may be told later. Throws
 * AppError `unavailable` where the gateway is not in use.
 */
export async function acceptInbound(env: Env, sms: InboundSms, now = new Date(), after?: After): Promise<void> {
  if (!isInUse(env)) throw new AppError("unavailable", "");
  const row = await rowFor(env, sms, now);
  await database(env).batch(insertMessages(database(env), [row]) as never);
  const hasten = () => hastenPublications(env, [row.id]);
  if (after) after(hasten);
  else await hasten();
}

/** The row of an SMS that nobody has looked at. */
export async function rowFor(
  env: Env,
  { id = randomId(), source, client, ...received }: InboundSms,
  now: Date,
): Promise<GatewayMessage> {
  const config = settings(env);
  return {
    ...{ operator: config.OPERATOR, id, source, client, userId: null, state: "received" },
    sealed: await sealSms(config, received, id),
    ...{ attempts: 0, claimedUntil: null, nextAttemptAt: now, error: null, createdAt: now, updatedAt: now },
  };
}
