import { type Env, settings } from "#env.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { Caller } from "../clients/keys.ts";
import { msisdnOf } from "../msisdn.ts";
import * as queries from "./queries.ts";
import { demandImsi, demandPing, type Ping } from "./seed.ts";

/** Phones ping each ten to thirty seconds: two pings may be lost before a seed is gone. */
export const LIVE_MS = 75_000;
const HOUR_MS = 3_600_000;
const OWNED_MS = 24 * HOUR_MS;
/** One phone may come from many addresses in turn; each is logged once in so long. */
const LOGGED_MS = HOUR_MS;

const LONGEST_ADDRESS = 64;

/** Who pings, and the address that it comes from. */
export interface From extends Caller {
  address: string;
}

/**
 * A phone says that it is there, and which number it has. Answers the time of the ping, which grows from one to the next. Throws AppError
 * `invalid` for what no phone has; `forbidden` for a number that is not the client's, and for a seed that is somebody else's.
 */
export async function hearPing(env: Env, from: From, said: Ping, now = new Date()): Promise<Date> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const ping = withOwnNumber(env, from, demandPing(said));
  const heard = heardFrom(from, ping.imsi, now);
  const [, [seed]] = await db.batch([
    queries.logPing(db, OPERATOR, newId("ping"), heard, ping),
    queries.upsertSeed(db, OPERATOR, heard, ping),
  ]);
  if (!seed) throw othersSeed();
  return seed.pingedAt;
}

/** A phone says that it is still there, and no more. One that never said its number stays unknown. Throws as `hearPing`. */
export async function hearSign(env: Env, from: From, imsi: string, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const heard = heardFrom(from, demandImsi(imsi), now);
  const [[known], , [seed]] = await db.batch([
    queries.seedOf(db, OPERATOR, imsi),
    queries.logTouch(db, OPERATOR, newId("ping"), heard),
    queries.touchSeed(db, OPERATOR, heard),
  ]);
  if (known && !seed) throw othersSeed();
}

const othersSeed = () => new AppError("forbidden", "not the seed of this client");

// A client's own number is written as we know it, whatever form the phone writes it in.
function withOwnNumber(env: Env, { client }: From, ping: Ping): Ping {
  if (client === null) return ping;
  if (msisdnOf(ping.msisdn, settings(env).COUNTRY) !== client)
    throw new AppError("forbidden", "not the number of this client");
  return { ...ping, msisdn: client };
}

function heardFrom({ client, isOperator, address }: From, imsi: string, now: Date): queries.Heard {
  const ago = (ms: number) => new Date(now.getTime() - ms);
  return {
    imsi,
    client: isOperator ? queries.OPERATOR_ITSELF : client,
    address: address.slice(0, LONGEST_ADDRESS),
    now,
    liveSince: ago(LIVE_MS),
    ownedSince: ago(OWNED_MS),
    loggedSince: ago(LOGGED_MS),
  };
}
