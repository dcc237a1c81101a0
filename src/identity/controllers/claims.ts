import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { sameText, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { forgiveGuess, takeGuess } from "../codes/budgets.ts";
import { attachedStatements } from "../domains/controllers-of-domain.ts";
import { type Actor, type Entry, journal } from "../journal/journal.ts";
import { demand } from "../policies/demand.ts";
import type { Subject } from "../tokens/subject.ts";
import { deleteForeignTries, deleteTries, giveTryBack, takeController, takeTry } from "./claim-queries.ts";
import { controllerById, controllerBySerial, updateController } from "./queries.ts";
import type { Controller } from "./tables.ts";

export interface Claiming {
  serial: string;
  claim_code: string;
  domain_id: string;
  name?: string | undefined;
}

const DAY = 86_400_000;

/**
 * Gives a controller to whoever shows the code that is printed on it, and puts it into their domain. Throws
 * `claim_code_invalid` with `tries_left` alike for a wrong code, a dead one, and a serial that nobody has, after the same work;
 * only to the right code `device_already_claimed`, `device_banned`, `device_limit_reached`. LIMITS.claimTries wrong codes are the
 * end of a controller's code; LIMITS.claimFailuresPerDay are the end of an account's day (`rate_limited`).
 */
export async function claimController(
  env: Env,
  caller: Subject,
  asked: Claiming,
  address: string,
  actor: Actor,
  now = new Date(),
): Promise<Controller> {
  await demand(env, caller, "manage_devices", { type: "domain", id: asked.domain_id }, now);
  await takeGuesses(env, caller, address, now);
  const controller = await controllerWithCode(env, caller.operator, asked, now);
  await forgiveGuesses(env, caller, address, now);
  if (controller.status === "banned") throw fail("device_banned");
  return take(env, caller, controller, asked, actor, now);
}

/** The controller whose code it is. The try is counted before the code is looked at, so that no number at once gets past it. */
async function controllerWithCode(
  env: Env,
  operator: string,
  { serial, claim_code }: Claiming,
  now: Date,
): Promise<Controller> {
  const db = database(env);
  const most = settings(env).LIMITS.claimTries;
  const [[taken], [found]] = await db.batch([
    takeTry(db, operator, serial, most, now),
    controllerBySerial(db, operator, serial),
  ]);
  const isGood = found && found.status !== "deleted" && found.claimHash !== null;
  const isRight = sameText(sha256(claim_code), isGood ? found.claimHash! : sha256("nobody's"));
  if (!taken || !isGood || !isRight)
    throw fail("claim_code_invalid", { extra: { tries_left: taken ? most - taken.tries : 0 } });
  await giveTryBack(db, operator, serial);
  return found;
}

async function take(
  env: Env,
  { operator, id: accountId }: Subject,
  { id, serial, claimHash }: Controller,
  { domain_id: domainId, name = null }: { domain_id: string; name?: string | null | undefined },
  actor: Actor,
  now: Date,
): Promise<Controller> {
  const db = database(env);
  const room = settings(env).LIMITS.domainDevices;
  const data = { domain: domainId, account: accountId };
  const entry: Entry = {
    ...{ action: "device.claimed", target: { kind: "device", id }, after: data },
    events: [{ type: "device.claimed", id, data: { serial, ...data } }],
  };
  const [[claimed]] = await db.batch([
    takeController(db, operator, { id, claimHash: claimHash!, room }, { accountId, domainId, name }, now),
    ...journal(db, operator, actor, entry, now),
    ...attachedStatements(db, operator, { domainId, deviceId: id }, actor, now),
  ]);
  return claimed ?? explain(env, operator, id);
}

/** Why the right code did not help. */
async function explain(env: Env, operator: string, id: string): Promise<never> {
  const controller = await controllerById(database(env), operator, id);
  const isFree = controller && controller.ownerAccountId === null && controller.domainId === null;
  if (controller?.status === "banned") throw fail("device_banned");
  throw fail(isFree ? "device_limit_reached" : "device_already_claimed");
}

/** An account, and an address, have only so many wrong codes a day, whatever the serials: they cannot be tried one after the other. */
async function takeGuesses(env: Env, caller: Subject, address: string, now: Date): Promise<void> {
  const { LIMITS } = settings(env);
  const limits = { ...LIMITS, addressFailuresPerDay: LIMITS.claimFailuresPerDay };
  const [byAccount, byAddress] = await Promise.all([
    accountBudget(env, caller).takeGuess(limits, now.getTime()),
    takeGuess(env, address, now),
  ]);
  if (!byAccount || !byAddress) throw fail("rate_limited", { retryAfter: 3600 });
}

const forgiveGuesses = (env: Env, caller: Subject, address: string, now: Date) =>
  Promise.all([accountBudget(env, caller).forgiveGuess(now.getTime()), forgiveGuess(env, address, now)]);

const accountBudget = (env: Env, { operator, id }: Subject) => env.SEND_BUDGETS.getByName(`claims:${operator}:${id}`);

/** Prints a new claim code, so to speak: `hash` is its SHA-256 in hex. For a unit that was reset. Throws `device_not_found`. */
export async function setClaimCode(
  env: Env,
  operator: string,
  { id, hash, reason }: { id: string; hash: string; reason?: string | undefined },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const known = await controllerById(db, operator, id);
  if (!known) throw fail("device_not_found");
  const entry: Entry = {
    ...{ action: "device.claim_code_set", target: { kind: "device", id }, reason },
    events: [{ type: "device.updated", id, data: { fields: ["claim_code"] } }],
  };
  await db.batch([
    updateController(db, operator, id, { claimHash: hash.toLowerCase() }),
    ...journal(db, operator, actor, entry, now),
    deleteTries(db, operator, known.serial),
  ]);
}

/** Each day: tries at serials that nobody has, a month later. */
export async function forgetClaimTries(env: Env, now = new Date()): Promise<void> {
  await deleteForeignTries(database(env), new Date(now.getTime() - 30 * DAY));
}
