import { type Env, settings } from "#env.ts";
import { keyFor, sameText, shortMac } from "./crypto.ts";
import { AppError } from "./errors.ts";

// URLs that open something without a session, for a while: the apps load pictures and films without their token.

/** Ends are rounded up to so much, so that a link stays the same for a while and caches in the apps. */
const STEP_SECONDS = 600;

/** An absolute URL of ours for this path that works for `lifeSeconds` or a little longer. The path carries no query. */
export function signedLink(env: Env, path: string, lifeSeconds: number, now = new Date()): string {
  const { PUBLIC_URL, SIGNING_KEYS } = settings(env);
  const until = untilFor(lifeSeconds, now);
  const { kid, key } = SIGNING_KEYS.current;
  return `${PUBLIC_URL}${path}?e=${until}&s=${kid}.${macOf(key, path, until)}`;
}

/**
 * The same for a client that takes the last segment of a URL, query and all, for the name of a file: the signature stands as a
 * segment of its own between `folder` and `name`.
 */
export function signedFileLink(
  env: Env,
  { folder, name }: { folder: string; name: string },
  lifeSeconds: number,
  now = new Date(),
): string {
  const { PUBLIC_URL, SIGNING_KEYS } = settings(env);
  const until = untilFor(lifeSeconds, now);
  const { kid, key } = SIGNING_KEYS.current;
  return `${PUBLIC_URL}${folder}/${until}.${kid}.${macOf(key, `${folder}/${name}`, until)}/${name}`;
}

/** Throws `forbidden` unless `signedFileLink` made this signature for that folder and name, and it has not ended. */
export function demandSignedFile(
  env: Env,
  { folder, name, signature }: { folder: string; name: string; signature: string },
  now = new Date(),
): void {
  const [until = "", ...rest] = signature.split(".");
  demandMac(env, `${folder}/${name}`, { until, signature: rest.join(".") }, now);
}

/** Throws `forbidden` unless the URL is one that `signedLink` made, and not past its end. */
export function demandSigned(env: Env, url: URL, now = new Date()): void {
  const [until, signature] = [url.searchParams.get("e") ?? "", url.searchParams.get("s") ?? ""];
  demandMac(env, url.pathname, { until, signature }, now);
}

function demandMac(
  env: Env,
  path: string,
  { until, signature }: { until: string; signature: string },
  now: Date,
): void {
  const [kid = "", mac = ""] = signature.split(".");
  const key = settings(env).SIGNING_KEYS.find(kid);
  const isOurs = key && /^\d{1,12}$/.test(until) && sameText(mac, macOf(key, path, Number(until)));
  if (!isOurs || Number(until) * 1000 < now.getTime())
    throw new AppError("forbidden", "This link is not valid, or no longer");
}

const untilFor = (lifeSeconds: number, now: Date) =>
  Math.ceil((now.getTime() / 1000 + lifeSeconds) / STEP_SECONDS) * STEP_SECONDS;

const macOf = (key: Uint8Array, path: string, until: number) => shortMac(keyFor(key, "link"), `${path} ${until}`);
