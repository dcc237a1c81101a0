import { type Env, settings } from "#env.ts";
import type { Permit, Verdict } from "./callout.ts";

/** A no is kept for so long by the media server: whoever has paid or signed in again must not wait. */
const DENIED_SECONDS = 10;
const MIN_SECONDS = 10;

// The envelope of the server that this one replaces; a media server reads only the status.
const refusal = (message: string, code = 403, name = "Forbidden") => {
  const body = JSON.stringify({ code, name, message });
  const init = { status: code, headers: { "Content-Type": "application/json", "X-AuthDuration": `${DENIED_SECONDS}` } };
  return () => new Response(body, init);
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
export function answer(env: Env, verdict: Verdict, now = Date.now()): Response {
  switch (verdict.outcome) {
    case "allowed":
      return allow(env, verdict, now);
    case "passed":
      return new Response(verdict.passed.body, { headers: verdict.passed.headers });
    default:
      return REFUSALS[verdict.outcome]();
  }
}

function allow(env: Env, { account, until, ranges }: Permit, now: number): Response {
  const { AUTH_DURATION, MAX_SESSIONS } = settings(env);
  const seconds = Math.max(MIN_SECONDS, Math.min(AUTH_DURATION, Math.floor((until - now) / 1000)));
  const headers: Record<string, string> = { "X-AuthDuration": `${seconds}` };
  if (account !== 0) {
    headers["X-UserId"] = `${account}`;
    headers["X-Max-Sessions"] = `${MAX_SESSIONS}`;
  }
  if (ranges === undefined) return new Response(null, { headers });
  headers["Content-Type"] = "application/json";
  return new Response(JSON.stringify({ allowed_dvr_ranges: ranges }), { headers });
}
