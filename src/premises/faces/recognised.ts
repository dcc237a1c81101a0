import { type Env, settings } from "#env.ts";
import { identifiersOf } from "#identity/accounts/queries.ts";
import { remoteBilling, type ServiceState } from "#operator/billing.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { EVENT, newEvent, recordEvents } from "../events.ts";
import { reaches } from "../guests/roles.ts";
import { heldContracts } from "../homes.ts";
import { followUp } from "../log/aftermath.ts";
import { idFrom } from "../log/ids.ts";
import { flatsKnowing } from "./queries.ts";

/** A face server that was cut off may tell of somebody who is long gone. */
const STILL_THERE_MS = 30_000;
/** Somebody who stands before the camera is seen again and again: within so much it is one event. */
const ONE_EVENT_MS = 15_000;

export interface Recognised {
  /** The camera's device id. */
  cameraId: number;
  faceId: number;
  at: Date;
}

type Flat = Awaited<ReturnType<typeof flatsKnowing>>[number];

/**
 * Opens the door that a camera looks at to a face that one of its flats has marked and pays for, and writes it into the log of each
 * such flat. Answers whether the door is open: not for a stranger, nor for what was seen half a minute ago, nor on the word of
 * somebody who has the flat no more.
 */
export async function openToFace(env: Env, seen: Recognised, later: After, now = new Date()): Promise<boolean> {
  if (now.getTime() - seen.at.getTime() > STILL_THERE_MS) return false;
  const { OPERATOR } = settings(env);
  const known = await flatsKnowing(database(env), OPERATOR, seen);
  const states = await Promise.all(known.map((flat) => stateOf(env, flat)));
  const home = await Promise.all(known.map((flat, i) => states[i] === 2 && markerLivesThere(env, flat, now)));
  const paid = known.filter((_, i) => home[i]);
  const [first] = paid;
  if (!first) return false;

  const opener = env.DOOR_OPENERS.getByName(`${OPERATOR}:${first.doorId}`);
  const opening = await opener.open(first.doorId, `face ${seen.faceId}`, eventOf(env, seen, first));
  if (opening !== "opened") {
    console.warn(`door ${first.doorId}: ${opening}`);
    return false;
  }
  const others = [...new Map(paid.map((flat) => [flat.uid, flat])).values()].filter(({ uid }) => uid !== first.uid);
  const written = await recordEvents(
    env,
    others.map((flat) => newEvent(env, eventOf(env, seen, flat))),
  );
  later(() => Promise.all(written.map((event) => followUp(env, event))));
  return true;
}

/** At a door the truth of this moment counts, so a remote billing is asked past its cache. */
async function stateOf(env: Env, { uid, lockId, state }: Flat): Promise<ServiceState> {
  const billing = remoteBilling(env, { fresh: true });
  if (!billing) return state ?? 0;
  return (await billing.statesOf(uid, [lockId])).get(lockId) ?? 0;
}

/** Whoever marked the face still has the flat, be it as a guest who lives there. */
async function markerLivesThere(env: Env, { uid, markedBy }: Flat, now: Date): Promise<boolean> {
  const logins = await identifiersOf(database(env), settings(env).OPERATOR, markedBy);
  const phones = logins.filter(({ type, verifiedAt }) => type === "phone" && verifiedAt).map(({ value }) => value);
  const held = await Promise.all(phones.map((phone) => heldContracts(env, { phone }, { fresh: true }, now)));
  return held.flat().some((contract) => contract.uid === uid && reaches(contract.role, "inner"));
}

function eventOf(env: Env, { cameraId, faceId, at }: Recognised, { uid, doorId, title }: Flat) {
  const moment = Math.floor(at.getTime() / ONE_EVENT_MS);
  const id = idFrom([settings(env).OPERATOR, uid, doorId, EVENT.face, faceId, moment].join("\n"));
  const extra = { faceId, opened: true, doorId };
  return { id, uid, at, kind: EVENT.face, deviceId: cameraId, title, detail: String(faceId), extra };
}
