import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import { announce } from "#platform/signals.ts";
import {
  type Audience,
  freshGrant,
  grantDigest,
  mintViewerToken,
  rememberGrant,
  type StreamRight,
} from "./camera-tokens.ts";
import {
  type Camera,
  cityOf,
  type Door,
  type Holdings,
  type Home,
  holdingsOf,
  type Resident,
  type Selection,
} from "./homes.ts";
import { mediaToken } from "./media/servers.ts";
import { grantsToReview, markReviewed } from "./queries.ts";
import { revokeCameras } from "./rights-queries.ts";

export interface Watching {
  homes: Home[];
  /** The token that opens this camera, if it is paid for. Usually the same one for all. */
  tokenOf(camera: Camera): string;
}

/** The resident's cameras with a token for them. Nothing is written before the answer. */
export async function watch(
  env: Env,
  resident: Resident,
  selection: Selection,
  later: After,
  now = new Date(),
): Promise<Watching> {
  const holdings = await holdingsOf(env, resident, selection, now);
  return { homes: holdings.homes, tokenOf: await tokensFor(env, resident, holdings, later, now) };
}

/** The city's cameras, which every resident may watch. */
export async function watchCity(env: Env, resident: Resident, later: After, now = new Date()): Promise<Watching> {
  const holdings = await cityOf(env, resident, now);
  return { homes: holdings.homes, tokenOf: await tokensFor(env, resident, holdings, later, now) };
}

/**
 * The camera of this number, the resident's own in its best state or one of the city's, both asked for at the same time. Throws
 * `not_found`, and refuses as the camera's state demands.
 */
export async function cameraFor(env: Env, resident: Resident, id: number, now = new Date()): Promise<HeldCamera> {
  const [own, city] = await Promise.all([holdingsOf(env, resident, {}, now), cityOf(env, resident, now)]);
  const held = bestOf([...own.homes, ...city.homes], id);
  if (!held) throw new AppError("not_found", "You have no such camera", { reason: "no_camera" });
  demandPaid([held.camera]);
  return held;
}

export interface HeldCamera {
  camera: Camera;
  /** The contract that it comes with; 0 is everybody's. */
  uid: number;
}

function bestOf(homes: readonly Home[], id: number): HeldCamera | undefined {
  const held = homes.flatMap(({ uid, cameras }) =>
    cameras.flatMap((camera) => (camera.id === id ? { camera, uid } : [])),
  );
  return held.toSorted((a, b) => b.camera.state - a.camera.state)[0];
}

/** A token names each of its streams and travels in URLs, which end at some 8 KB: above this there is one for each so many. */
const STREAMS_PER_TOKEN = 200;

async function tokensFor(
  env: Env,
  resident: Resident,
  holdings: Holdings,
  later: After,
  now: Date,
): Promise<Watching["tokenOf"]> {
  const paid = holdings.homes.flatMap((home) => home.cameras).filter((camera) => camera.state === 2);
  const { ours = [], theirs = [] } = Object.groupBy(paid, ({ serverType }) =>
    serverType === "flussonic" ? "ours" : "theirs",
  );
  const token = new Map<number, string>();
  const streams = [...new Map(ours.map(({ stream, recordDays }) => [stream, { name: stream, recordDays }])).values()];
  const byStream = new Map<string, string>();
  for (let i = 0; i < streams.length; i += STREAMS_PER_TOKEN) {
    const some = streams.slice(i, i + STREAMS_PER_TOKEN);
    const minted = tokenFor(env, resident, { holdings, streams: some }, later, now);
    for (const { name } of some) byStream.set(name, minted);
  }
  for (const { id, stream } of ours) token.set(id, byStream.get(stream)!);
  await Promise.all(theirs.map(async (camera) => token.set(camera.id, await mediaToken(env, camera, now))));
  const any = byStream.values().next().value ?? "";
  return ({ id, serverType }) => token.get(id) ?? (serverType === "flussonic" ? any : "");
}

interface Wanted {
  holdings: Holdings;
  streams: StreamRight[];
}

function tokenFor(env: Env, resident: Resident, { holdings, streams }: Wanted, later: After, now: Date): string {
  const { homes, grants, revokedAt } = holdings;
  const audience: Audience = {
    account: resident.n,
    accountId: resident.account,
    session: resident.id,
    contracts: homes.map((home) => home.uid),
    streams,
  };
  const digest = grantDigest(audience);
  const known = grants.find((grant) => grant.digest === digest)?.issuedAt;
  const subjects = [`a${resident.n}`, ...homes.map((home) => `c${home.uid}`)];
  const revoked = latest(subjects.flatMap((subject) => revokedAt.get(subject) ?? []));
  const { issuedAt, isNew } = freshGrant(known, revoked, settings(env).EXPIRE * 60_000, now);
  const token = mintViewerToken(env, audience, { issuedAt });
  if (isNew) later(() => rememberGrant(env, audience, token, issuedAt));
  return token;
}

const latest = (dates: Date[]) => dates.toSorted((a, b) => a.getTime() - b.getTime()).at(-1);

/**
 * What the state of a contract's services means for an answer (docs/contracts.md, "The apps"): nothing connected is
 * `not_found`, nothing paid is `payment_required`. Without devices there is nothing to refuse.
 */
export function demandPaid(devices: readonly { state: Camera["state"] }[]): void {
  if (devices.length === 0 || devices.some(({ state }) => state === 2)) return;
  if (devices.some(({ state }) => state === 1)) throw new AppError("payment_required", "The service is not paid for");
  throw new AppError("not_found", "The service is not connected", { reason: "not_connected" });
}

/** The camera that looks at a door, if the contract has it. Refuses as the camera's state demands. */
export function cameraOfDoor(homes: readonly Home[], doorId: number): { door: Door; camera: Camera } {
  for (const home of homes) {
    const door = home.doors.find(({ id }) => id === doorId);
    const camera = door && home.cameras.find(({ id }) => id === door.cameraId);
    if (!door || !camera) continue;
    demandPaid([camera]);
    return { door, camera };
  }
  throw new AppError("not_found", "You have no such door", { reason: "no_door" });
}

const REVIEW_EVERY_MS = 5 * 60_000;
const REVIEW_FOR_MS = 25_000;
const PHONES_AT_ONCE = 20;

/**
 * With a remote billing nobody tells us that a contract stopped paying. So the billing is asked again about every holder of a
 * living camera token, each five minutes if it answers that fast, and a token that has become too wide is revoked. Runs every
 * minute, the longest waiting first, for less than half of it.
 */
export async function reviewGrants(env: Env, now = new Date()): Promise<void> {
  if (settings(env).BILLING === "local") return;
  const end = Date.now() + REVIEW_FOR_MS;
  while (Date.now() < end && (await reviewSome(env, now)) === PHONES_AT_ONCE);
}

/** Reviews the holders that have waited longest, and tells how many. Whoever billing cannot tell of is asked for again in their turn. */
async function reviewSome(env: Env, now: Date): Promise<number> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const grants = await grantsToReview(db, OPERATOR, new Date(now.getTime() - REVIEW_EVERY_MS), now, PHONES_AT_ONCE);
  if (grants.length === 0) return 0;
  const holders = Map.groupBy(grants, ({ phone }) => phone);
  const uids = new Set<number>();
  await Promise.all(
    [...holders].map(async ([phone, held]) => {
      const allowed = await streamsOf(env, phone);
      if (!allowed) return;
      for (const { streams, contracts } of held) {
        const isTooWide = (JSON.parse(streams) as string[]).some((stream) => !allowed.has(stream));
        if (isTooWide) for (const uid of JSON.parse(contracts) as number[]) uids.add(uid);
      }
    }),
  );
  const reviewed = [...holders.values()].map(([grant]) => grant!.accountId);
  await db.batch([markReviewed(db, OPERATOR, reviewed, now), revokeCameras(db, OPERATOR, [...uids], now)]);
  if (uids.size > 0) await announce(env, { type: "cameras.revoked" });
  return holders.size;
}

/** What the phone's holder may watch today; undefined when the billing does not answer, which revokes nobody. */
async function streamsOf(env: Env, phone: string): Promise<Set<string> | undefined> {
  const nobody = { phone, account: "", n: 0, id: "" };
  try {
    const [own, city] = await Promise.all([holdingsOf(env, nobody, { fresh: true }), cityOf(env, nobody)]);
    const cameras = [...own.homes, ...city.homes].flatMap((home) => home.cameras);
    return new Set(cameras.filter((camera) => camera.state === 2).map((camera) => camera.stream));
  } catch (error) {
    logError("review of camera tokens", error);
    return undefined;
  }
}
