import { type Env, settings } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { AppError } from "#platform/errors.ts";
import { platformsOf } from "./platforms.ts";

/** A picture for a platform, as SVG: its letter on a ground of its own colour. The platforms' own marks are theirs. Throws AppError `not_found`. */
export function logoOf(env: Env, name: string): string {
  const platform = platformsOf(settings(env)).find((each) => each.name === name);
  if (!platform) throw new AppError("not_found", "No such platform");
  const hue = Number.parseInt(sha256(name).slice(0, 4), 16) % 360;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img" aria-label="${name}">`,
    `<rect width="64" height="64" rx="14" fill="hsl(${hue},35%,42%)"/>`,
    `<text x="32" y="44" font-family="sans-serif" font-size="36" text-anchor="middle" fill="#fff">${platform.letter}</text>`,
    "</svg>",
  ].join("");
}
