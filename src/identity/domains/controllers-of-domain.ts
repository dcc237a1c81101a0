import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { type Condition, type Db, database, type Statement } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import {
  attachController,
  controllerBeside,
  deleteControllerPolicies,
  deleteControllerResources,
  detachController,
  insertControllerResource,
} from "./controller-queries.ts";
import { touchDomain } from "./queries.ts";

interface Pair {
  domainId: string;
  deviceId: string;
}

/**
 * The statements that stand directly behind one that put a controller into a domain: they write it down, tell the
 * operator's systems, and make it something to have rights on. Where that statement changed no row, neither do these.
 */
export const attachedStatements = (
  db: Db,
  operator: string,
  { domainId, deviceId }: Pair,
  actor: Actor,
  now: Date,
): [Statement, ...Statement[]] => [
  ...journal(db, operator, actor, entryOf("domain.device_added", { domainId, deviceId }), now),
  touchDomain(db, operator, domainId),
  insertControllerResource(db, operator, domainId, deviceId),
];

/**
 * Puts a claimed controller of a member into a domain with room for it; the first statement returns a row if that happened. `room` is
 * LIMITS.domainDevices. Whoever claims a controller sets its domain in their own statement, under `hasRoomForController`, and
 * puts `attachedStatements` behind that.
 */
export const attachStatements = (
  db: Db,
  operator: string,
  { room, ...pair }: Pair & { room: number },
  actor: Actor,
  now: Date,
) =>
  [
    attachController(db, operator, { ...pair, room }, now),
    ...attachedStatements(db, operator, pair, actor, now),
  ] as const;

/** Takes a controller out of its domain; the first statement returns a row if it was in that domain, and `onlyIf` held. */
export const detachStatements = (db: Db, operator: string, pair: Pair, actor: Actor, now: Date, onlyIf?: Condition) =>
  [
    detachController(db, operator, pair.domainId, pair.deviceId, onlyIf),
    ...detachedJournal(db, operator, pair, actor, now),
    ...detachedRemains(db, operator, pair),
  ] as const;

/**
 * What stands directly behind a statement that took a controller out of its domain (a detachment, a reset, a deletion): writes it
 * down where that changed a row.
 */
export const detachedJournal = (db: Db, operator: string, pair: Pair, actor: Actor, now: Date) =>
  journal(db, operator, actor, entryOf("domain.device_removed", pair), now);

/** What stands directly behind that: the domain's rights have a new version, without every right on the controller and of it. */
export const detachedRemains = (db: Db, operator: string, { domainId, deviceId }: Pair) =>
  [
    touchDomain(db, operator, domainId),
    deleteControllerPolicies(db, operator, domainId, deviceId),
    deleteControllerResources(db, operator, domainId, deviceId),
  ] as const;

const entryOf = (type: "domain.device_added" | "domain.device_removed", { domainId, deviceId }: Pair) => ({
  ...{ action: type, target: { kind: "domain", id: domainId }, after: { device: deviceId } },
  events: [{ type, id: domainId, data: { device: deviceId } }],
});

/**
 * Attaches a controller; one that is attached already stays so. Throws `device_not_found` for one that no member owns, because
 * others must not learn of it, `device_banned`, `device_in_other_domain`, `device_limit_reached`.
 */
export async function attach(
  env: Env,
  operator: string,
  { domainId, deviceId }: Pair,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const room = settings(env).LIMITS.domainDevices;
  const [attached] = await db.batch([...attachStatements(db, operator, { domainId, deviceId, room }, actor, now)] as [
    ReturnType<typeof attachController>,
    ...Statement[],
  ]);
  if (attached.length === 0) await explain(env, operator, { domainId, deviceId }, now);
}

async function explain(env: Env, operator: string, { domainId, deviceId }: Pair, now: Date): Promise<void> {
  const found = await controllerBeside(database(env), operator, deviceId, domainId, now);
  if (found?.controller.domainId === domainId) return;
  if (!found?.ofMember) throw fail("device_not_found");
  const { status, domainId: other } = found.controller;
  if (other !== null) throw fail("device_in_other_domain");
  if (status === "banned") throw fail("device_banned");
  if (status !== "claimed") throw fail("device_not_found");
  throw found.attached >= settings(env).LIMITS.domainDevices ? fail("device_limit_reached") : fail("domain_not_found");
}

/** Detaches a controller; throws `device_not_found` for one that is not in the domain. */
export async function detach(env: Env, operator: string, pair: Pair, actor: Actor, now = new Date()): Promise<void> {
  const db = database(env);
  const [detached] = await db.batch([...detachStatements(db, operator, pair, actor, now)] as [
    ReturnType<typeof detachController>,
    ...Statement[],
  ]);
  if (detached.length === 0) throw fail("device_not_found");
}
