import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import { announce } from "#platform/signals.ts";
import { type Audience, freshGrant, grantDigest, mintViewerToken, rememberGrant } from "./camera-tokens.ts";
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
import { grantsToReview, markReviewed } from "./queries.ts";
import { revokeCameras } from "./rights-queries.ts";

export interface Watching {
  homes: Home[];
  /** Opens every camera of these homes that is paid for. */
  token: string;
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
  return { homes: holdings.homes, token: tokenFor(env, resident, holdings, later, now) };
}

/** The city's cameras, which every resident may watch. */
export async function watchCity(env: Env, resident: Resident, later: After, now = new Date()): Promise<Watching> {
  const holdings = await cityOf(env, resident, now);
  return { homes: holdings.homes, token: tokenFor(env, resident, holdings, later, now) };
}

function tokenFor(
  env: Env,
  resident: Resident,
  { homes, grants, revokedAt }: Holdings,
  later: After,
  now: Date,
): string {
  const paid = homes.flatMap((home) => home.cameras).filter((camera) => camera.state === 2);
  const streams = new Map(
    paid.map((camera) => [camera.stream, { name: camera.stream, recordDays: camera.recordDays }]),
  );
  const audience: Audience = {
    account: resident.n,
    accountId: resident.account,
    session: resident.id,
    contracts: homes.map((home) => home.uid),
    streams: [...streams.values()],
  };
  const digest = grantDigest(audience);
  const known = grants.find((grant) => grant.digest === digest)?.issuedAt;
  const revoked = latest(homes.flatMap((home) => revokedAt.get(home.uid) ?? []));
  const { issuedAt, isNew } = freshGrant(known, revoked, settings(env).EXPIRE * 60_000, now);
  const token = mintViewerToken(env, audience, { issuedAt });
  if (isNew) later(() => rememberGrant(env, audience, token, issuedAt));
  return token;
}

const latest = (dates: Date[]) => dates.toSorted((a, b) => a.getTime() - b.getTime()).at(-1);

/**
 * What the state of a contract's services means for an answer (smartyard-server §9.2): nothing connected is
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
const REVIEWS_A_RUN = 80; // D1 binds at most 100 parameters

/**
 * With a remote billing nobody tells us that a contract stopped paying. So every holder of a living camera token is asked for
 * again every five minutes, and a token that has become too wide is revoked. Once a minute, the longest waiting first.
 */
export async function reviewGrants(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR, BILLING }] = [database(env), settings(env)];
  if (BILLING === "local") return;
  const grants = await grantsToReview(db, OPERATOR, new Date(now.getTime() - REVIEW_EVERY_MS), now, REVIEWS_A_RUN);
  if (grants.length === 0) return;
  const byPhone = Map.groupBy(grants, ({ phone }) => phone);
  const tooWide = await Promise.all(
    [...byPhone].map(async ([phone, held]) => {
      const allowed = await streamsOf(env, phone);
      return allowed ? held.filter(({ streams }) => streams.some((stream) => !allowed.has(stream))) : [];
    }),
  );
  const uids = [...new Set(tooWide.flat().flatMap((grant) => grant.contracts))];
  const reviewed = markReviewed(db, OPERATOR, [...new Set(grants.map((grant) => grant.sessionId))], now);
  await db.batch([reviewed, revokeCameras(db, OPERATOR, uids, now)]);
  if (uids.length > 0) await announce(env, { type: "cameras.revoked" });
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
