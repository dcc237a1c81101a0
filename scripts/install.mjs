// Installs what package-lock.json names, when it is not there already. Runs before every npm command on whatever
// Node the host has, so that a fresh clone needs no step of its own; the later commands then find the
// project's own Node first on their PATH.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (!isInstalled()) {
  console.log("Installing the dependencies (once)...");
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const [command, ...rest] = [...npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, error } = spawnSync(command, rest, { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    console.error(`npm ci failed${error ? `: ${error.message}` : ""}`);
    process.exit(1);
  }
  if (!existsSync(join(root, "node_modules/node/bin/node"))) {
    console.error("npm did not run the install script of the package `node`: run `npm rebuild node` and try again.");
    process.exit(1);
  }
}

// npm writes the hidden lock file last, so it also tells an interrupted installation. Versions are compared
// and not file times, which a git checkout changes. An optional package may be one of another platform.
function isInstalled() {
  const wanted = lock("package-lock.json");
  const present = lock("node_modules/.package-lock.json");
  if (!present || !existsSync(join(root, "node_modules/node/bin/node"))) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const found = present[path];
    if (!found) return path === "" || optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

function lock(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}
