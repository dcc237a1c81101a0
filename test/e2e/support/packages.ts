import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export const CHROMIUM = "/usr/bin/chromium";

/** Debian package of each program, and of letters. Only the programs are used, each with a configuration and ports of the test. */
const PROGRAMS = {
  "/usr/sbin/bearerbox": "kannel",
  "/usr/sbin/smsbox": "kannel",
  "/usr/sbin/nginx": "nginx-core",
  "/usr/bin/ffmpeg": "ffmpeg",
  "/usr/bin/ffprobe": "ffmpeg",
  "/usr/bin/openssl": "openssl",
  "/usr/bin/curl": "curl",
  [CHROMIUM]: "chromium",
  "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core", // without any, Chromium's pages have no letters
};

/** Vitest's global set-up: says how to get what is missing, or gets it where CI runs as root. */
export default function setup(): void {
  let missing = missingPackages();
  if (missing.length === 0) return;
  if (process.env.CI && process.getuid?.() === 0) {
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("apt-get", ["update"], { stdio: "inherit" });
    spawnSync("apt-get", ["install", "-y", "--no-install-recommends", ...missing], {
      stdio: "inherit",
      env: environment,
    });
    missing = missingPackages();
  }
  if (missing.length > 0) {
    throw new Error(`Needed: apt-get install -y --no-install-recommends ${missing.join(" ")}`);
  }
}

function missingPackages(): string[] {
  const needed = Object.entries(PROGRAMS).filter(([path]) => !existsSync(path));
  return [...new Set(needed.map(([, name]) => name))];
}
