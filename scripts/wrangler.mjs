import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";

// The project's own Node, also when this script was started without npm and its PATH.
const NODE = "node_modules/node/bin/node";
const WRANGLER = "node_modules/wrangler/bin/wrangler.js";
const GRACE_MS = 5_000;

const environment = {
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  NO_COLOR: "1",
  CI: "1", // asks no questions
};

/** Brings the local database up to date. */
export const migrate = (flags) => run("The migrations", ["d1", "migrations", "apply", "DB", "--local", ...flags]);

/** Runs a file of SQL on the local database. */
export const execute = (file, flags) =>
  run(file, ["d1", "execute", "DB", "--local", "--file", file, "--yes", ...flags]);

function run(what, args) {
  const { status, stdout, stderr } = spawnSync(NODE, [WRANGLER, ...args], { env: environment, encoding: "utf8" });
  if (status !== 0) throw new Error(`${what} failed:\n${stdout}${stderr}`);
}

/**
 * `wrangler dev`. What it says is held back until `speak()`, so that the help which is printed last is what one sees;
 * an error ends the silence at once. `onEnd` gets the exit code, null when it was killed.
 */
export function serve(args, onEnd) {
  const child = spawn(NODE, [WRANGLER, "dev", ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  child.on("exit", onEnd);
  const held = [];
  let isSpeaking = false;

  for (const [stream, output] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (!isSpeaking) {
        if (line.includes("Ready on")) held.length = 0;
        held.push(line);
        if (stripVTControlCharacters(line).includes("[ERROR]")) {
          held.splice(0, held.length - 1);
          server.speak({ withPast: true });
        }
      } else if (!isOurOwnRequest(line)) output.write(`${line}\n`);
    });
  }

  const server = {
    speak({ withPast = false } = {}) {
      if (withPast && !isSpeaking) process.stdout.write(held.map((line) => `${line}\n`).join(""));
      isSpeaking = true;
      held.length = 0;
    },
    /** Ends wrangler and its workerd, by force if they do not go by themselves. */
    stop(signal) {
      child.kill(signal);
      setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
    },
  };
  return server;
}

const isOurOwnRequest = (line) =>
  /^\[wrangler:info\] (?:GET \/health 2|GET \/cdn-cgi\/\S+ 2|POST \/ops\/v1\/bootstrap 4)/.test(line);
