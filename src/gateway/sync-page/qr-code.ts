import { encode } from "uqr";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { ownOrigin } from "../own-url.ts";

/** The longest URL that is drawn, in characters: a longer one makes a code that phones cannot read from a screen. */
export const LONGEST_URL = 500;

/** A QR code to be drawn: the modules of one side, quiet zone included, and the dark ones as the path of an SVG. */
export interface QrCode {
  size: number;
  path: string;
}

const PATHS = "/v2/sync/users/";
const QUIET_ZONE = 4;

/** The code of a session's URL. Throws AppError `invalid` for any other URL, so that nobody gets codes of theirs drawn in our name. */
export function qrCodeOf(env: Env, url: string): QrCode {
  const isOurs = url.startsWith(ownOrigin(settings(env)) + PATHS) && /^[!-~]+$/.test(url) && url.length <= LONGEST_URL;
  if (!isOurs || !new URL(url).pathname.startsWith(PATHS)) throw new AppError("invalid", "not the url of a session");
  const { size, data } = encode(url, { ecc: "M", border: QUIET_ZONE });
  return { size, path: data.map(rowPath).join("") };
}

/** The dark modules of a row, neighbours as one bar. */
function rowPath(row: boolean[], y: number): string {
  const modules = row.map((isDark) => (isDark ? "1" : "0")).join("");
  return [...modules.matchAll(/1+/g)]
    .map(({ 0: bar, index }) => `M${index} ${y}h${bar.length}v1h-${bar.length}z`)
    .join("");
}
