import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { type Place, placeOf } from "../clients/number-plan.ts";
import { msisdnOf } from "../msisdn.ts";
import { LIVE_MS } from "./pings.ts";
import { seedOf, seedsSince } from "./queries.ts";
import { isImsi } from "./seed.ts";
import type { Seed } from "./tables.ts";

/** More than a phone reads through; what strangers add beyond is left out. */
const MOST_SEEDS = 1_000;

export type LiveSeed = Seed & Place;

/** The seeds that are live, those of known clients first. A number that tells nothing is nowhere: "" and null. */
export async function findSeeds(env: Env, seedType?: string, now = new Date()): Promise<LiveSeed[]> {
  const { OPERATOR, COUNTRY } = settings(env);
  const rows = await seedsSince(database(env), OPERATOR, liveSince(now), seedType, MOST_SEEDS);
  return rows.map((row) => ({ ...row, ...placeOf(msisdnOf(row.msisdn, COUNTRY) ?? "") }));
}

/** The number that a live seed has; "" for every other IMSI, and for what is none. */
export async function numberOfSeed(env: Env, imsi: string, now = new Date()): Promise<string> {
  if (!isImsi(imsi)) return "";
  const [seed] = await seedOf(database(env), settings(env).OPERATOR, imsi);
  return seed && seed.pingedAt >= liveSince(now) ? seed.msisdn : "";
}

const liveSince = (now: Date) => new Date(now.getTime() - LIVE_MS);
