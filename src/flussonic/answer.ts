import { type Env, settings } from "#env.ts";
import type { CameraGrant } from "#premises/camera-token-format.ts";
import type { Permit, Verdict } from "./callout.ts";

/** A no is kept for so long by the media server: whoever has paid or signed in again must not wait. */
const DENIED_SECONDS = 10;
const MIN_SECONDS = 10;

// The envelope of the server that this one replaces; a media server reads only the status. Body and headers are
// made once: a Response copies them.
const refusal = (message: string, status = 403, name = "Forbidden") => {
  const body = new TextEncoder().encode(JSON.stringify({ code: status, name, message }));
  const headers = new Headers({ "Content-Type": "application/json", "X-AuthDuration": `${DENIED_SECONDS}` });
  return () => new Response(body, { status, headers });
};

const REFUSALS = {
  "no token": refusal("Нет токена"),
  "wrong token": refusal("Не верный токен"),
  "wrong elsewhere": refusal("И здесь не верный токен"),
  undecided: refusal("Decide as before", 500, "Internal Server Error"),
};

/** The caller is not our media server, or has sent what cannot be read. */
export const forbidden = refusal("Forbidden");
export const notAllowed = refusal("Method Not Allowed", 405, "Method Not Allowed");

/** Says the verdict to a media server: 200 allows, 403 denies, and 500 leaves everything as it was. */
export function answer(env: Env, verdict: Verdict, now: number): Response {
  switch (verdict.outcome) {
    case "allowed":
      return allow(env, verdict, now);
    case "passed":
      return new Response(verdict.passed.body, { headers: verdict.passed.headers });
    default:
      return REFUSALS[verdict.outcome]();
  }
}

function allow(env: Env, { grant, ranges }: Permit, now: number): Response {
  const headers = headersOf(env, grant, now);
  if (ranges === undefined) return new Response(null, { headers });
  const json = new Headers(headers);
  json.set("Content-Type", "application/json");
  return new Response(JSON.stringify({ allowed_dvr_ranges: ranges }), { headers: json });
}

const usual = new WeakMap<object, Headers>();

/**
 * Between two calls only X-UserId differs, until a token's last minute. So one Headers is kept and written over,
 * which is safe because a Response copies it: to make three headers anew costs as much as to check the token.
 */
function headersOf(env: Env, { account, expiresAt }: CameraGrant, now: number): Headers {
  const { AUTH_DURATION, MAX_SESSIONS } = settings(env);
  const left = Math.floor((expiresAt - now) / 1000);
  if (left < AUTH_DURATION || account === 0) return headersFor(account, Math.min(left, AUTH_DURATION), MAX_SESSIONS);
  let headers = usual.get(env);
  if (!headers) {
    headers = headersFor(account, AUTH_DURATION, MAX_SESSIONS);
    usual.set(env, headers);
  }
  headers.set("X-UserId", `${account}`);
  return headers;
}

function headersFor(account: number, seconds: number, maxSessions: number): Headers {
  const headers = new Headers({ "X-AuthDuration": `${Math.max(MIN_SECONDS, seconds)}` });
  if (account !== 0) {
    headers.set("X-UserId", `${account}`);
    headers.set("X-Max-Sessions", `${maxSessions}`);
  }
  return headers;
}
