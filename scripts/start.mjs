// `npm start`: the whole product on this machine. Flags are those of `wrangler dev`.
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readArguments } from "./arguments.mjs";
import { loadDemo } from "./demo.mjs";
import { devVars } from "./dev-vars.mjs";
import { helpText } from "./help.mjs";
import { execute, migrate, serve } from "./wrangler.mjs";

const READY_WITHIN_MS = 120_000;
const CRON_EVERY_MS = 15_000;

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const { host, port, url, vars, isRemote, passedOn, database } = readArguments(process.argv.slice(2));
const settings = { ENVIRONMENT: "production", ...devVars(), ...vars };
const args = settings.PUBLIC_URL ? passedOn : [...passedOn, "--var", `PUBLIC_URL:${url}`];

try {
  await portIsFree();
  if (!isRemote) migrate(database);
  if (!isRemote && settings.ENVIRONMENT !== "production") execute("scripts/demo.sql", database);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

let isStopping = false;
const server = serve(args, (code) => {
  if (isStopping) process.exit(0);
  server.speak({ withPast: true });
  process.exit(code || 1);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop(signal));
// npm passes signals on, but one that was killed by force leaves us without a word.
const parent = process.ppid;
if (process.env.npm_lifecycle_event) setInterval(() => process.ppid !== parent && stop("SIGTERM"), 1000).unref();

await ready();
try {
  const demo = isRemote ? { skipped: "--remote" } : await loadDemo(url, settings);
  const help = await helpText(url, settings, demo);
  server.speak();
  console.log(help);
} catch (error) {
  server.speak({ withPast: true });
  console.error(`The demo could not be loaded: ${error.message}`);
}
if (!isRemote) await cron();

function stop(signal) {
  isStopping = true;
  server.stop(signal);
}

async function ready() {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.ok) return;
    if (answer) await giveUp(`/health answers ${answer.status}: ${await answer.text()}`);
    await sleep(100);
  }
  await giveUp(`/health did not answer within ${READY_WITHIN_MS / 1000} s`);
}

function giveUp(problem) {
  server.speak({ withPast: true });
  console.error(`\n${problem}\n`);
  server.stop("SIGTERM");
  return new Promise(() => {}); // the end of the server is the end of this process
}

// The local runtime fires no cron triggers. They come more often here than Cloudflare's once a minute, because
// the local queue forgets everything at a restart, and it is the cron that finds the messages which were waiting.
async function cron() {
  for (;;) {
    await fetch(`${url}/cdn-cgi/local/scheduled`).catch(() => undefined);
    await sleep(CRON_EVERY_MS);
  }
}

// wrangler would quietly take another port, and every printed address would be wrong.
function portIsFree() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", ({ code }) =>
      reject(new Error(`Port ${port} cannot be used (${code}): try npm start -- --port ${port + 1}`)),
    );
    probe.listen({ port, host }, () => probe.close(resolve));
  });
}
