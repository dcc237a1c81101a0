import { type Env, settings } from "#env.ts";
import { remoteBilling, type ServiceState } from "#operator/billing.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import { newEvent, recordEvent } from "#premises/events.ts";
import { followUp } from "#premises/log/aftermath.ts";
import { idFrom } from "#premises/log/ids.ts";
import { type DoorName, doorsNamed, entrants, likeEvent, type Pass } from "./entry-queries.ts";

/** Readers tell of the same person more than once: within so much it is one event. */
const ONE_EVENT_MS = 15_000;

/** A contract that may come in, and by which door. */
export interface Entrant {
  uid: number;
  doorId: number;
  lockId: number;
  cameraId: number;
  title: string;
}

/** Who may come in at this door with what they show; undefined for nobody. Throws `not_found` for a door that is nobody's. */
export async function whoEnters(env: Env, name: DoorName, pass: Pass): Promise<Entrant | undefined> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [known, found] = await db.batch([doorsNamed(db, OPERATOR, name), entrants(db, OPERATOR, name, pass)]);
  if (known.length === 0) throw new AppError("not_found", "There is no such door");
  const states = await Promise.all(found.map((entrant) => stateOf(env, entrant)));
  return found.find((_, i) => states[i] === 2);
}

/** At a door the truth of this moment counts, so a remote billing is asked past its cache. */
async function stateOf(env: Env, row: Entrant & { state: ServiceState | null }): Promise<ServiceState> {
  const billing = remoteBilling(env, { fresh: true });
  if (!billing) return row.state ?? 0;
  return (await billing.statesOf(row.uid, [row.lockId])).get(row.lockId) ?? 0;
}

/** What is written down of somebody who came in. */
export interface Entry {
  kind: number;
  at: Date;
  detail: string;
  extra: Record<string, unknown>;
}

/** Writes into the flat's log that somebody came in, once for all that readers tell of it; what follows comes after the answer. */
export async function noteEntry(env: Env, entrant: Entrant, entry: Entry, later: After): Promise<void> {
  const { OPERATOR } = settings(env);
  const { uid, doorId, cameraId: deviceId, title } = entrant;
  const { kind, at, detail } = entry;
  const [from, to] = [new Date(at.getTime() - ONE_EVENT_MS), new Date(at.getTime() + ONE_EVENT_MS)];
  const [before] = await likeEvent(database(env), OPERATOR, { uid, kind, deviceId, detail }, [from, to]);
  if (before) return;
  // Two that come at once have both seen nothing: the second writes the same row.
  const moment = Math.floor(at.getTime() / ONE_EVENT_MS);
  const id = idFrom([OPERATOR, uid, doorId, kind, detail, moment].join("\n"));
  const extra = { ...entry.extra, opened: true, doorId };
  const event = newEvent(env, { id, uid, at, kind, deviceId, title, detail, extra });
  if (await recordEvent(env, event)) later(() => followUp(env, event));
}
