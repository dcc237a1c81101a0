import { and, asc, desc, eq, gte, inArray, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { Db } from "#platform/db.ts";
import { gatewaySeedLog as log, gatewaySeeds as seeds } from "./tables.ts";

/** Who pings: a gateway client's number, `operator`, or null for a stranger; and from where. */
export interface Pinger {
  client: string | null;
  address: string;
}

/** A ping, and the times by which a seed is live, is still its owner's, was logged a moment ago. */
export interface Heard extends Pinger {
  imsi: string;
  now: Date;
  liveSince: Date;
  ownedSince: Date;
  loggedSince: Date;
}

/** How the operator stands as the owner of a seed. */
export const OPERATOR_ITSELF = "operator";

export interface Said {
  msisdn: string;
  /** Undefined where the form of the ping has none. */
  seedType: string | undefined;
}

/**
 * Writes a seed down, or that it is still there. While it is live a stranger changes neither its number nor its type; where somebody
 * else owns it nothing is written, and no row returned. Its time grows from ping to ping, however fast they come.
 */
export function upsertSeed(db: Db, operator: string, heard: Heard, { msisdn, seedType }: Said) {
  const { imsi, client, address, now } = heard;
  const corrects = client === null ? lt(seeds.pingedAt, heard.liveSince) : sql`true`;
  const either = (value: string, column: SQLiteColumn) => sql`CASE WHEN ${corrects} THEN ${value} ELSE ${column} END`;
  return db
    .insert(seeds)
    .values({ operator, imsi, msisdn, seedType: seedType ?? "seed", client, address, pingedAt: now })
    .onConflictDoUpdate({
      target: [seeds.operator, seeds.imsi],
      set: {
        msisdn: either(msisdn, seeds.msisdn),
        ...(seedType !== undefined && { seedType: either(seedType, seeds.seedType) }),
        ...touched(heard),
      },
      setWhere: mayTouch(heard),
    })
    .returning({ pingedAt: seeds.pingedAt });
}

/** Says that a seed is still there, if there is one. A gateway client does so for its own number. */
export function touchSeed(db: Db, operator: string, heard: Heard) {
  return db
    .update(seeds)
    .set(touched(heard))
    .where(and(keyIs(operator, heard.imsi), mayTouch(heard), numberIsOf(heard)))
    .returning({ pingedAt: seeds.pingedAt });
}

/** Logs a ping that differs from the last one logged of this seed. To stand before the write of the ping itself. */
export function logPing(db: Db, operator: string, id: string, heard: Heard, { msisdn, seedType }: Said) {
  const kept = sql`SELECT ${seeds.seedType} FROM ${seeds} WHERE ${keyIs(operator, heard.imsi)}`;
  const said = sql`SELECT ${msisdn} AS msisdn, coalesce(${seedType ?? null}, (${kept}), 'seed') AS seed_type`;
  const others = sql`SELECT 1 FROM ${seeds} WHERE ${and(keyIs(operator, heard.imsi), sql`NOT (${mayTouch(heard)})`)}`;
  return logFrom(db, operator, id, heard, said, sql`NOT EXISTS (${others})`);
}

/** Logs in the same way a ping that says nothing but whose it is. */
export function logTouch(db: Db, operator: string, id: string, heard: Heard) {
  const allowed = and(keyIs(operator, heard.imsi), mayTouch(heard), numberIsOf(heard));
  return logFrom(db, operator, id, heard, sql`SELECT msisdn, seed_type FROM ${seeds} WHERE ${allowed}`, sql`true`);
}

function logFrom(db: Db, operator: string, id: string, heard: Heard, said: SQL, condition: SQL) {
  const { imsi, client, address, now, loggedSince } = heard;
  const ofSeed = and(eq(log.operator, operator), eq(log.imsi, imsi));
  const latest = sql`SELECT max(${log.at}) FROM ${log} WHERE ${ofSeed}`;
  // One range of the index: what is recent, or else the latest.
  const lately = sql`${log.at} >= min(${loggedSince.getTime()}, (${latest}))`;
  const same = and(sql`${log.msisdn} = said.msisdn`, sql`${log.seedType} = said.seed_type`);
  const byTheSame = and(sql`${log.client} IS ${client}`, eq(log.address, address));
  const isLogged = sql`EXISTS (SELECT 1 FROM ${log} WHERE ${and(ofSeed, lately, same, byTheSame)})`;
  return db.insert(log).select(
    sql`SELECT ${operator}, ${id}, ${imsi}, said.msisdn, said.seed_type, ${client}, ${address}, ${now.getTime()}
      FROM (${said}) AS said WHERE ${condition} AND NOT ${isLogged}`,
  );
}

/** The seed of an IMSI, whether or not it is live. */
export function seedOf(db: Db, operator: string, imsi: string) {
  return db.select().from(seeds).where(keyIs(operator, imsi));
}

/** Seeds that pinged since, those of somebody known first: strangers, however many, do not push them out. */
export function seedsSince(db: Db, operator: string, since: Date, seedType: string | undefined, limit: number) {
  const ofType = seedType === undefined ? undefined : eq(seeds.seedType, seedType);
  return db
    .select()
    .from(seeds)
    .where(and(eq(seeds.operator, operator), gte(seeds.pingedAt, since), ofType))
    .orderBy(isNull(seeds.client), desc(seeds.pingedAt), asc(seeds.imsi))
    .limit(limit)
    .all();
}

/** Deletes seeds that have not pinged since `time`. */
export function deleteSeedsBefore(db: Db, operator: string, time: Date, limit: number) {
  const old = and(eq(seeds.operator, operator), lt(seeds.pingedAt, time));
  const some = db.select({ imsi: seeds.imsi }).from(seeds).where(old).orderBy(asc(seeds.pingedAt)).limit(limit);
  return db.delete(seeds).where(and(eq(seeds.operator, operator), inArray(seeds.imsi, some)));
}

/** Deletes what was logged before `time`. */
export function deleteLogBefore(db: Db, operator: string, time: Date, limit: number) {
  const old = and(eq(log.operator, operator), lt(log.at, time));
  const some = db.select({ id: log.id }).from(log).where(old).orderBy(asc(log.at)).limit(limit);
  return db.delete(log).where(and(eq(log.operator, operator), inArray(log.id, some)));
}

const keyIs = (operator: string, imsi: string) => and(eq(seeds.operator, operator), eq(seeds.imsi, imsi))!;

const touched = ({ client, address, now }: Heard) => ({
  client,
  address,
  pingedAt: sql`max(${now.getTime()}, ${seeds.pingedAt} + 1)`,
});

/** Nobody's, the pinger's, or forgotten by its owner; and whoever the number belongs to gets its seed back. */
function mayTouch({ client, ownedSince }: Heard): SQL {
  if (client === OPERATOR_ITSELF) return sql`true`;
  const isFree = or(isNull(seeds.client), lt(seeds.pingedAt, ownedSince))!;
  return client === null ? isFree : or(isFree, eq(seeds.client, client), eq(seeds.msisdn, client))!;
}

// Strangers have written the number with or without its plus.
const numberIsOf = ({ client }: Heard): SQL | undefined =>
  client === null || client === OPERATOR_ITSELF
    ? undefined
    : sql`ltrim(${seeds.msisdn}, '+') = ${client.replace("+", "")}`;
