import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId, sameText, sha256 } from "#platform/crypto.ts";
import { database, isDuplicate } from "#platform/db.ts";
import { type Actor, type Entry, journal } from "../journal/journal.ts";
import type { Proven } from "./authenticate.ts";
import { keyCredential, type NewCredential, newSecret, type PublicKey } from "./credentials.ts";
import {
  deleteRevokedCredential,
  insertCredential,
  storeEnrolment,
  storeNew,
  storeRepeat,
} from "./enrolment-queries.ts";
import { controllerBySerial, credentialsBySerial } from "./queries.ts";
import { retireCredentials } from "./state-queries.ts";
import type { Controller, ControllerCredential } from "./tables.ts";

export interface Enrolling {
  serial: string;
  model: string;
  fw?: string | undefined;
  public_key?: PublicKey | undefined;
  enrolment_secret?: string | undefined;
}

export interface Enrolled {
  controller: Proven;
  /** Shown this once; there is none where the controller has a key. */
  secret?: string;
}

/**
 * Gives a controller its own credential: the key that it names, the one that the factory named, or a new secret. A serial that
 * was not imported is registered. Throws `device_credential_invalid` for another model, for one that is banned or
 * deleted, and for a key that another controller has; `device_already_enrolled` until its owner resets it,
 * but for a repeat by the same client when the first answer was lost (see `isLost`): it replaces the secret that nobody has.
 */
export async function enrolController(
  env: Env,
  operator: string,
  asked: Enrolling,
  actor: Actor,
  now = new Date(),
): Promise<Enrolled> {
  const db = database(env);
  const offered = asked.public_key && (await keyCredential(asked.public_key));
  const rows = await credentialsBySerial(db, operator, asked.serial, now);
  const controller = rows[0]?.controller;
  const held = rows.flatMap(({ credential }) => credential ?? []);
  const lostAt = controller && isLost(controller, held, now) ? controller.enrolledAt : null;
  if (controller) demandEnrollable(controller, held, asked, offered, lostAt !== null);
  const isHeld = held.some(({ type }) => type === "jwk");
  const { secret, credential } = isHeld ? {} : offered ? { credential: offered } : newSecret();
  try {
    const stored = controller
      ? await (lostAt
          ? enrolAgain(env, controller, { fw: asked.fw, credential, enrolledAt: lostAt }, actor, now)
          : enrolKnown(env, controller, asked.fw, credential, actor, now))
      : await enrolNew(env, operator, asked, credential!, actor, now);
    if (!stored) throw fail("device_already_enrolled");
    return {
      controller: { ...stored, amr: stored && secret ? "pwd" : "hwk" },
      ...(secret !== undefined && { secret }),
    };
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    const [winner] = controller ? [] : await controllerBySerial(db, operator, asked.serial);
    throw fail(winner ? "device_already_enrolled" : "device_credential_invalid");
  }
}

/** So long an enrolment may be at work: nobody overtakes it. */
const AT_WORK_MS = 5000;
/** Longer than an `Idempotency-Key` of a call that died is held. */
const REPEAT_MS = 120_000;

/** The unit enrolled a moment ago, and got no tokens: the call died on the way, and with it the secret. */
function isLost({ enrolledAt, lastSeenAt }: Controller, held: readonly ControllerCredential[], now: Date): boolean {
  if (enrolledAt === null || (lastSeenAt !== null && lastSeenAt >= enrolledAt)) return false;
  const lastTry = Math.max(enrolledAt.getTime(), ...held.map(({ createdAt }) => createdAt.getTime()));
  return now.getTime() - lastTry >= AT_WORK_MS && now.getTime() - enrolledAt.getTime() < REPEAT_MS;
}

/** Whether this unit, as the factory described it, may enrol now. */
function demandEnrollable(
  { status, model, enrolledAt }: Controller,
  held: readonly ControllerCredential[],
  asked: Enrolling,
  offered: NewCredential | undefined,
  again: boolean,
): void {
  const proof = held.find(({ type }) => type === "enrolment");
  const key = held.find(({ type }) => type === "jwk");
  const isProven = !proof || sameText(sha256(asked.enrolment_secret ?? ""), proof.secretHash ?? "");
  const isRefused = status === "banned" || status === "deleted" || model !== asked.model || !isProven;
  if (isRefused) throw fail("device_credential_invalid");
  if (enrolledAt !== null && !again) throw fail("device_already_enrolled");
  if (key && offered && key.id !== offered.id) throw fail("device_credential_invalid");
}

async function enrolKnown(
  env: Env,
  { operator, id, ver, fw: before }: Controller,
  fw: string | undefined,
  credential: NewCredential | undefined,
  actor: Actor,
  now: Date,
): Promise<Controller | undefined> {
  const db = database(env);
  const entry: Entry = {
    ...{ action: "device.enrolled", target: { kind: "device", id } },
    after: { credential: credential?.type ?? "jwk" },
    events: [{ type: "device.updated", id, data: { enrolled: true } }],
  };
  const along = credential ? [insertCredential(db, operator, id, credential, now)] : [];
  const [, stored] = await db.batch([
    deleteRevokedCredential(db, operator, id, credential?.id ?? "", now),
    storeEnrolment(db, operator, { id, ver, fw: fw ?? before, now }),
    ...along,
    ...journal(db, operator, actor, entry, now),
  ]);
  return stored[0];
}

async function enrolAgain(
  env: Env,
  { operator, id, ver, fw: before }: Controller,
  { fw, credential, enrolledAt }: { fw: string | undefined; credential: NewCredential | undefined; enrolledAt: Date },
  actor: Actor,
  now: Date,
): Promise<Controller | undefined> {
  const db = database(env);
  const entry: Entry = {
    ...{ action: "device.enrolled", target: { kind: "device", id }, reason: "the first answer was lost" },
    after: { credential: credential?.type ?? "jwk" },
    events: [{ type: "device.updated", id, data: { enrolled: true } }],
  };
  const along = credential ? [insertCredential(db, operator, id, credential, now)] : [];
  const lost = credential
    ? retireCredentials(db, operator, { deviceId: id, successor: credential.id, now, until: now })
    : [];
  const [stored] = await db.batch([
    storeRepeat(db, operator, { id, ver, fw: fw ?? before, enrolledAt }, actor),
    ...along,
    ...journal(db, operator, actor, entry, now),
    ...lost,
  ]);
  return stored[0];
}

async function enrolNew(
  env: Env,
  operator: string,
  { serial, model, fw }: Enrolling,
  credential: NewCredential,
  actor: Actor,
  now: Date,
): Promise<Controller | undefined> {
  const db = database(env);
  const id = newId("dev");
  const entry: Entry = {
    ...{ action: "device.registered", target: { kind: "device", id }, after: { serial, model } },
    events: [{ type: "device.registered", id, data: { serial, model } }],
  };
  const row = { operator, id, serial, model, fw: fw ?? null, status: "enrolled" as const };
  const [stored] = await db.batch([
    storeNew(db, { ...row, createdAt: now, enrolledAt: now }),
    insertCredential(db, operator, id, credential, now),
    ...journal(db, operator, actor, entry, now),
  ]);
  return stored[0];
}
