import { type Env, settings } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { type CameraGrant, looksLikeOurs, macOf, openGrant, sealGrant, streamKey } from "./camera-token-format.ts";
import { Memo } from "./memo.ts";
import { upsertGrant } from "./revocation-queries.ts";

/** A stream and how many days of its archive may be watched: 0 none, null as many as there are. */
export interface StreamRight {
  name: string;
  recordDays: number | null;
}

/** Who may watch what: everything a viewer token says but its time. */
export interface Audience {
  /** The account's number, which media servers get as X-UserId. */
  account: number;
  accountId: string;
  session: string;
  contracts: number[];
  streams: StreamRight[];
}

const MINUTE = 60_000;

/** The token of a resident's session. It lives EXPIRE minutes unless told otherwise; the same input makes the same token. */
export function mintViewerToken(
  env: Env,
  audience: Audience,
  { issuedAt, lifeSeconds }: { issuedAt: Date; lifeSeconds?: number },
): string {
  const { SIGNING_KEYS, EXPIRE } = settings(env);
  const { account, session, contracts, streams } = audience;
  return sealGrant(SIGNING_KEYS, {
    ...blankGrant("viewer", issuedAt, lifeSeconds ?? EXPIRE * 60),
    account,
    session,
    contracts,
    streams: streamMap(streams),
  });
}

/** An export token belongs to no session, so nothing revokes it but its end. */
const EXPORT_MAX_SECONDS = 3600;

/** A token for one stretch of one stream's archive, [from, to]; for our own downloads, and so for minutes only. */
export function mintExportToken(
  env: Env,
  {
    account,
    stream,
    from,
    to,
    lifeSeconds,
  }: { account: number; stream: string; from: Date; to: Date; lifeSeconds: number },
  now = new Date(),
): string {
  return sealGrant(settings(env).SIGNING_KEYS, {
    ...blankGrant("export", now, Math.min(lifeSeconds, EXPORT_MAX_SECONDS)),
    account,
    streams: streamMap([{ name: stream, recordDays: null }]),
    window: { from: Math.floor(from.getTime() / 1000), to: Math.ceil(to.getTime() / 1000) },
  });
}

/** A token for a camera or an encoder that sends a stream. It does not let anybody watch. */
export function mintPublishToken(
  env: Env,
  { stream, lifeSeconds }: { stream: string; lifeSeconds: number },
  now = new Date(),
): string {
  return sealGrant(settings(env).SIGNING_KEYS, {
    ...blankGrant("publish", now, lifeSeconds),
    streams: streamMap([{ name: stream, recordDays: 0 }]),
  });
}

/** Names what may be watched, whatever the order: the key of the row that remembers the session's token for it. */
export function grantDigest({ contracts, streams }: Pick<Audience, "contracts" | "streams">): string {
  const uids = [...contracts].sort((a, b) => a - b);
  const rights = [...streamMap(streams)].sort(([a], [b]) => a - b);
  return sha256(JSON.stringify([uids, rights.map(([stream, days]) => [stream, days === Infinity ? null : days])]));
}

/**
 * When the token to hand out was issued: the one that the session already has while more than half of its
 * life is left, so that opening another screen does not make a new one; otherwise now. A new one is always
 * later than the revocation that killed its predecessor, even within the same millisecond.
 */
export function freshGrant(
  existingIssuedAt: Date | undefined,
  revokedAt: Date | undefined,
  lifeMs: number,
  now: Date,
): { issuedAt: Date; isNew: boolean } {
  const revoked = revokedAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  const issued = existingIssuedAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  if (issued > revoked && issued + lifeMs / 2 > now.getTime()) return { issuedAt: new Date(issued), isNew: false };
  return { issuedAt: new Date(Math.max(now.getTime(), revoked + 1)), isNew: true };
}

/**
 * Writes down a new viewer token: the row from which the same token is made again, and its entry in KV, by
 * hash, for listing. For `waitUntil`: the token works without either.
 */
export async function rememberGrant(env: Env, audience: Audience, token: string, issuedAt: Date): Promise<void> {
  const { OPERATOR, EXPIRE } = settings(env);
  const { account, accountId, session, contracts, streams } = audience;
  const expiresAt = new Date(issuedAt.getTime() + EXPIRE * MINUTE);
  const entry = { account, session, contracts, streams, issuedAt: issuedAt.getTime(), expiresAt: expiresAt.getTime() };
  await Promise.all([
    upsertGrant(database(env), {
      operator: OPERATOR,
      sessionId: session,
      digest: grantDigest(audience),
      accountId,
      contracts,
      streams: streams.map(({ name }) => name),
      issuedAt,
      expiresAt,
    }),
    env.TOKENS.put(cameraEntry(token), JSON.stringify(entry), { expirationTtl: Math.max(60, EXPIRE * 60) }),
  ]);
}

/** Where a camera token stands in KV. */
export const cameraEntry = (token: string): string => `camera:${sha256(token)}`;

/** The rights of a token, by stream. Of a stream named twice the deeper archive counts. */
export function streamMap(streams: readonly StreamRight[]): Map<number, number> {
  const map = new Map<number, number>();
  for (const { name, recordDays } of streams) {
    const key = streamKey(name);
    map.set(key, Math.max(map.get(key) ?? 0, recordDays ?? Infinity));
  }
  return map;
}

const blankGrant = (kind: CameraGrant["kind"], issuedAt: Date, lifeSeconds: number): CameraGrant => ({
  ...{ kind, issuedAt: issuedAt.getTime(), expiresAt: issuedAt.getTime() + lifeSeconds * 1000 },
  ...{ account: 0, session: "", contracts: [], streams: new Map(), window: undefined },
});

/** A checked grant, with what was found out about it so far. */
export interface KnownGrant extends CameraGrant {
  /** Archive days of the streams asked for so far, so that a name is hashed once and not per call. */
  byName: Map<string, number>;
}

export const known = (grant: CameraGrant): KnownGrant => ({ ...grant, byName: new Map() });

/** Days of archive of this stream that the grant opens; undefined when it does not open the stream at all. */
export function depthOf(grant: KnownGrant, name: string): number | undefined {
  const seen = grant.byName.get(name);
  if (seen !== undefined) return seen;
  const days = grant.streams.get(streamKey(name));
  if (days !== undefined) grant.byName.set(name, days);
  return days;
}

/** A text that was looked at, and what it allows: null for one that we never signed. */
interface Checked {
  token: string;
  grant: KnownGrant | null;
}

/**
 * The signature is checked once per isolate and token. The memo goes by the mac, because to hash a token of
 * fifty cameras would cost more than everything else here. Refusals have room of their own, so that
 * a flood of forged tokens pushes no good one out.
 */
class Signatures {
  readonly good = new Memo<Checked>(2048);
  readonly bad = new Memo<Checked>(512);
}

const signatures = new WeakMap<object, Signatures>();

/** What a token of ours allows, or null when we never signed it. Whether it is expired or revoked the caller decides. */
export function signedGrant(env: Env, token: string): KnownGrant | null {
  if (!looksLikeOurs(token)) return null;
  let memo = signatures.get(env);
  if (!memo) {
    memo = new Signatures();
    signatures.set(env, memo);
  }
  const mac = macOf(token);
  const hit = memo.good.get(mac);
  if (hit?.token === token) return hit.grant;
  const miss = memo.bad.get(mac);
  if (miss?.token === token) return null;
  const grant = openGrant(settings(env).SIGNING_KEYS, token);
  const checked = { token, grant: grant ? known(grant) : null };
  (grant ? memo.good : memo.bad).set(mac, checked);
  return checked.grant;
}
