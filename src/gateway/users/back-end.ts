// The back end that keeps the users where GATEWAY_USERS is http: the contract of our own /v2/users, from the other side.
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { answerText, call, letGo } from "#platform/outbound.ts";
import { type Platforms, PlatformView } from "./platforms.ts";

/** The session of a user at the back end is bound to it, and it wants one. */
const USER_AGENT = "Yardgate";
const SMALL_BYTES = 16 * 1024;
const PLATFORMS_BYTES = 512 * 1024;

/** What the back end says of a user whose password was right. */
export interface OutsideUser {
  /** Null where it does not tell. */
  msisdnHash: string | null;
  platforms: Platforms;
}

interface Refusal {
  refused: true;
  retryAfter: number | undefined;
}

/**
 * Asks the back end whether it is the user's password, and which platforms they write to. Refused when it is not, with the
 * seconds to wait where the back end has locked the user. Throws AppError `unavailable` when the back end is out of order, and says nothing about the password then.
 */
export async function askBackEnd(env: Env, userId: string, password: string): Promise<OutsideUser | Refusal> {
  const path = `/v2/users/${encodeURIComponent(userId)}`;
  const verified = await ask(env, `${path}/verify`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ password }),
  });
  if (REFUSALS.has(verified.status)) {
    await letGo(verified);
    return { refused: true, retryAfter: verified.status === 429 ? secondsIn(verified) : undefined };
  }
  const text = await demandOk(verified, SMALL_BYTES);
  const cookie = sessionCookie(verified);
  const listed = await ask(env, `${path}/platforms`, { headers: { cookie } });
  const platforms = Listed.safeParse(jsonIn(await demandOk(listed, PLATFORMS_BYTES)));
  if (!platforms.success) throw new AppError("unavailable", "The back end lists no platforms");
  const { saved_platforms: saved, unsaved_platforms: unsaved } = platforms.data;
  return { msisdnHash: Told.safeParse(jsonIn(text)).data?.msisdn_hash ?? null, platforms: { saved, unsaved } };
}

/** Everything by which a back end says that this user with this password does not get in. */
const REFUSALS = new Set([400, 401, 403, 404, 409, 410, 413, 422, 429]);

const Listed = z.object({
  saved_platforms: z.array(PlatformView),
  unsaved_platforms: z.array(PlatformView).default([]),
});

const Told = z.object({ msisdn_hash: z.string().regex(/^[0-9a-f]{128}$/) });

/** Which user has the number, with its plus. Undefined when nobody has. Throws AppError `unavailable` when the back end is out of order. */
export async function userIdOfNumber(env: Env, msisdn: string): Promise<string | undefined> {
  const { GATEWAY_USERS_TOKEN } = settings(env);
  const answer = await ask(env, "/v2/whoami", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(GATEWAY_USERS_TOKEN && { authorization: `Bearer ${GATEWAY_USERS_TOKEN}` }),
    },
    body: JSON.stringify({ phone_number: msisdn }),
  });
  if (NOBODY.has(answer.status)) {
    await letGo(answer);
    return undefined;
  }
  if (answer.status === 401 || answer.status === 403)
    console.error("ALARM: the gateway's back end refuses our token:", answer.status);
  const known = Known.safeParse(jsonIn(await demandOk(answer, SMALL_BYTES)));
  if (!known.success) throw new AppError("unavailable", "The back end does not say who it is");
  return known.data.user_id;
}

const NOBODY = new Set([400, 404, 409, 410, 422]);

const Known = z.object({ user_id: z.string().min(1).max(128) });

function ask(env: Env, path: string, init: RequestInit): Promise<Response> {
  const { GATEWAY_USERS_URL } = settings(env);
  const headers = new Headers(init.headers);
  headers.set("user-agent", USER_AGENT);
  return call(`${GATEWAY_USERS_URL}${path}`, { ...init, headers });
}

async function demandOk(response: Response, maxBytes: number): Promise<string> {
  if (response.status === 200) return answerText(response, maxBytes);
  await letGo(response);
  throw new AppError("unavailable", `The back end answered ${response.status}`);
}

/** The cookie that stands for the user's session there. Throws AppError `unavailable` where there is none. */
function sessionCookie(response: Response): string {
  const pairs = response.headers.getSetCookie().map((line) => line.split(";", 1)[0]!.trim());
  const cookie = pairs.find((pair) => pair.startsWith("SWOB="));
  if (!cookie) throw new AppError("unavailable", "The back end gave no session");
  return cookie;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** When to come again; a minute where the back end does not say. */
function secondsIn({ headers }: Response): number {
  const seconds = headers.get("retry-after") ?? "";
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) : 60;
}
