import { sha256 } from "#platform/crypto.ts";
import type { platformsOf } from "./platforms.ts";

type Platform = ReturnType<typeof platformsOf>[number];

/** A picture for a platform: its letter on a ground of its own colour. The platforms' own marks are theirs. */
export function logoOf({ name, letter }: Pick<Platform, "name" | "letter">): string {
  const hue = Number.parseInt(sha256(name).slice(0, 4), 16) % 360;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img" aria-label="${name}">`,
    `<rect width="64" height="64" rx="14" fill="hsl(${hue},35%,42%)"/>`,
    `<text x="32" y="44" font-family="sans-serif" font-size="36" text-anchor="middle" fill="#fff">${letter}</text>`,
    "</svg>",
  ].join("");
}
