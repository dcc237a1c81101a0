import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { looksLikeOurs } from "./camera-token-format.ts";
import { cameraEntry, type KnownGrant, known, type StreamRight, streamMap } from "./camera-tokens.ts";
import { Memo } from "./memo.ts";
import { OPAQUE, upsertGrant } from "./revocation-queries.ts";
import { publishRevocations } from "./revocations.ts";

/*
 * Tokens that were made elsewhere, by the old server or by the operator's portal, and say nothing by
 * themselves. What they allow stands in KV under `camera:<sha256 of the token>` as the JSON below.
 */

const Entry = z.object({
  account: z.number().int().nonnegative().default(0),
  session: z.string().default(""),
  contracts: z.array(z.number().int()).default([]),
  /** recordDays: archive days, 0 for none, null for all there is. */
  streams: z.array(z.object({ name: z.string(), recordDays: z.number().int().nonnegative().nullable() })),
  /** It sends these streams and does not watch them. */
  publish: z.boolean().default(false),
  issuedAt: z.number(),
  expiresAt: z.number(),
});

export interface OpaqueGrant {
  account: number;
  session?: string;
  contracts?: number[];
  streams: StreamRight[];
  publish?: boolean;
  expiresAt: Date;
}

const MAX_LENGTH = 512;
const MIN_TTL_SECONDS = 60;
const CACHE_SECONDS = 30;

/**
 * Lets a token that was made elsewhere open streams until `expiresAt`. One that belongs to a session or to
 * contracts lives at most EXPIRE minutes, as our own do: the revocation list does not reach back further.
 * It counts everywhere within a minute. Throws `invalid` for a text that could be a token of ours.
 */
export async function registerOpaqueToken(
  env: Env,
  token: string,
  grant: OpaqueGrant,
  now = new Date(),
): Promise<void> {
  if (token === "" || token.length > MAX_LENGTH || looksLikeOurs(token)) {
    throw new AppError("invalid", "Not an opaque token");
  }
  const { OPERATOR, EXPIRE } = settings(env);
  const { account, session = "", contracts = [], streams, publish = false } = grant;
  const bound = session !== "" || contracts.length > 0;
  const latest = bound ? now.getTime() + EXPIRE * 60_000 : Infinity;
  const expiresAt = Math.min(grant.expiresAt.getTime(), latest);
  const entry = { account, session, contracts, streams, publish, issuedAt: now.getTime(), expiresAt };

  const seconds = Math.ceil((expiresAt - now.getTime()) / 1000);
  await env.TOKENS.put(cameraEntry(token), JSON.stringify(entry), {
    expirationTtl: Math.max(MIN_TTL_SECONDS, seconds),
  });
  await upsertGrant(database(env), {
    operator: OPERATOR,
    sessionId: OPAQUE,
    digest: sha256(token),
    accountId: String(account),
    contracts,
    streams: streams.map(({ name }) => name),
    issuedAt: now,
    expiresAt: new Date(expiresAt),
  });
  await publishRevocations(env, now);
}

interface Finding {
  grant: KnownGrant | null;
  /** ms */
  until: number;
}

const found = new WeakMap<object, Memo<Finding>>();

/** What an opaque token allows, or null. KV is asked once in 30 s and isolate, whether or not it knows the token. */
export function opaqueGrant(env: Env, token: string, now = Date.now()): KnownGrant | null | Promise<KnownGrant | null> {
  if (token.length > MAX_LENGTH || looksLikeOurs(token)) return null;
  let memo = found.get(env);
  if (!memo) {
    memo = new Memo(2048);
    found.set(env, memo);
  }
  const finding = memo.get(token);
  if (finding && finding.until > now) return finding.grant;
  return ask(env, memo, token, now);
}

async function ask({ TOKENS }: Env, memo: Memo<Finding>, token: string, now: number): Promise<KnownGrant | null> {
  const grant = grantOf(await TOKENS.get(cameraEntry(token), { cacheTtl: CACHE_SECONDS }));
  memo.set(token, { grant, until: now + CACHE_SECONDS * 1000 });
  return grant;
}

function grantOf(text: string | null): KnownGrant | null {
  if (text === null) return null;
  const { success, data } = Entry.safeParse(jsonOf(text));
  if (!success) return null;
  const { account, session, contracts, streams, publish, issuedAt, expiresAt } = data;
  const kind = publish ? "publish" : "viewer";
  return known({
    kind,
    account,
    session,
    contracts,
    issuedAt,
    expiresAt,
    streams: streamMap(streams),
    window: undefined,
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
