import { type Env, settings } from "#env.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import type { CameraGrant } from "#premises/camera-token-format.ts";
import { depthOf, type KnownGrant, signedGrant } from "#premises/camera-tokens.ts";
import { opaqueGrant } from "#premises/opaque-tokens.ts";
import { isRevoked, type RevocationList, revocationList } from "#premises/revocations.ts";
import type { Ask, Forward } from "./ask.ts";
import { askElsewhere, type Passed } from "./elsewhere.ts";

/** A stretch of the archive, in s since 1970; an end that is missing is open. */
export interface Range {
  opened_at: number;
  closed_at?: number;
}

export interface Permit {
  outcome: "allowed";
  grant: CameraGrant;
  /** The parts of the archive that may be watched; undefined when the server is not to be told. */
  ranges: Range[] | undefined;
}

export type Verdict =
  | Permit
  /** The second auth backend said yes, and how. */
  | { outcome: "passed"; passed: Passed }
  | { outcome: "no token" | "wrong token" | "wrong elsewhere" }
  /** Nothing can be decided: the media server is to stay with what it decided last. */
  | { outcome: "undecided" };

const NO_TOKEN: Verdict = { outcome: "no token" };
const WRONG_TOKEN: Verdict = { outcome: "wrong token" };
const WRONG_ELSEWHERE: Verdict = { outcome: "wrong elsewhere" };
const UNDECIDED: Verdict = { outcome: "undecided" };

/**
 * May this token play or send this stream? Our own tokens are asked first, then those that were made
 * elsewhere, then PROXYFL. With a warm isolate a token of ours, and any garbage, is answered at once and
 * without I/O: the result is a promise only when something has to be fetched.
 */
export function decide(
  env: Env,
  ask: Ask,
  forward: Forward,
  background: After,
  now = Date.now(),
): Verdict | Promise<Verdict> {
  if (ask.token === "") return NO_TOKEN;
  const list = revocationList(env, background, now);
  if (list instanceof Promise) return list.then((loaded) => judge(env, ask, forward, loaded, now));
  return judge(env, ask, forward, list, now);
}

function judge(
  env: Env,
  ask: Ask,
  forward: Forward,
  list: RevocationList | undefined,
  now: number,
): Verdict | Promise<Verdict> {
  if (!list) return UNDECIDED;
  const own = signedGrant(env, ask.token);
  const permit = own ? permitOf(own, ask, list, now) : undefined;
  if (permit) return permit;
  if (!own && list.opaqueUntil > now) return judgeOpaque(env, ask, forward, list, now);
  return refuse(env, forward);
}

async function judgeOpaque(env: Env, ask: Ask, forward: Forward, list: RevocationList, now: number): Promise<Verdict> {
  let grant: KnownGrant | null;
  try {
    grant = await opaqueGrant(env, ask.token, now);
  } catch (error) {
    logError("opaque token not looked up", error);
    return UNDECIDED;
  }
  return (grant && permitOf(grant, ask, list, now)) ?? refuse(env, forward);
}

function refuse(env: Env, forward: Forward): Verdict | Promise<Verdict> {
  const { PROXYFL } = settings(env);
  return PROXYFL === undefined ? WRONG_TOKEN : refuseOrPass(PROXYFL, forward);
}

async function refuseOrPass(backend: string, forward: Forward): Promise<Verdict> {
  const passed = await askElsewhere(backend, forward);
  return passed ? { outcome: "passed", passed } : WRONG_ELSEWHERE;
}

function permitOf(grant: KnownGrant, ask: Ask, list: RevocationList, now: number): Permit | undefined {
  if (now > grant.expiresAt || isRevoked(list, grant)) return undefined;
  const days = depthOf(grant, ask.name) ?? (ask.alias === undefined ? undefined : depthOf(grant, ask.alias));
  if (days === undefined || ask.publish !== (grant.kind === "publish")) return undefined;
  if (ask.publish) return allowed(grant);
  return grant.window ? exportPermit(grant, grant.window, ask) : viewerPermit(grant, days, ask, now);
}

const allowed = (grant: CameraGrant, ranges?: Range[]): Permit => ({ outcome: "allowed", grant, ranges });

/** The archive as deep as record_days allows: told to a server that asks with `dvr`, checked here for an old one. */
function viewerPermit(grant: KnownGrant, days: number, { dvr, piece }: Ask, now: number): Permit | undefined {
  if (days === Infinity) return allowed(grant);
  if (days === 0) return dvr === true || piece ? undefined : allowed(grant, dvr === false ? [] : undefined);
  const opened = Math.floor(now / 1000) - days * 86_400;
  if (piece && !(piece.from >= opened)) return undefined;
  return allowed(grant, dvr === undefined ? undefined : [{ opened_at: opened }]);
}

/** Only the archive, and of it only the window. */
function exportPermit(
  grant: KnownGrant,
  { from, to }: { from: number; to: number },
  { dvr, piece }: Ask,
): Permit | undefined {
  if (piece ? !(piece.from >= from && piece.to <= to) : dvr !== true) return undefined;
  if (dvr === false) return undefined;
  return allowed(grant, dvr === undefined ? undefined : [{ opened_at: from, closed_at: to }]);
}
