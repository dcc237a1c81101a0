import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, type V4MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_splitSqlQuery } from "wrangler";

/*
 * Yardgate behind a direct socket of workerd, without wrangler dev's proxies, and beside it, in the same process,
 * the empty Hono route. That is a worker of its own and not one more route of Yardgate: so it is the floor of
 * the runtime and of Hono, and carries nothing of the product's size or middlewares.
 */

export interface Server {
  yardgate: URL;
  empty: URL;
  /** Yardgate's database. */
  db: D1Database;
  /** CPU seconds that workerd has used so far. */
  cpuSeconds(): number;
  /** How much memory workerd holds. */
  memoryBytes(): number;
  /** Waits until it has nothing more to do: what follows an answer must not be charged to the next target. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, "..");

export interface Bundle {
  script: string;
  /** What the script imports beside itself: fonts, pages. */
  data: { type: ModuleType; path: string; contents: Uint8Array }[];
}

const RUNTIME = { compatibility_date: "2026-11-01", compatibility_flags: ["nodejs_compat"] };
const RULES = [{ type: "Data", globs: ["**/*.ttf", "**/*.bin"] }];

type ModuleType = "Data" | "Text";
/** How a file that wrangler lays beside the script is read, by the end of its name. */
const MODULE_TYPES: Record<string, ModuleType> = { ".ttf": "Data", ".bin": "Data", ".html": "Text" };

/** Bundles as a deploy does: the product, or another `entry` of this folder with the same runtime and no bindings. */
export function bundle(folder: string, entry?: string): Bundle {
  const name = entry?.replace(/\.ts$/, "") ?? "index";
  const outdir = join(folder, name);
  const config = entry ? join(folder, `${name}.json`) : join(ROOT, "wrangler.toml");
  if (entry)
    writeFileSync(config, JSON.stringify({ name, main: join(import.meta.dirname, entry), ...RUNTIME, rules: RULES }));
  wrangler(["deploy", "--dry-run", "--outdir", outdir, "--config", config]);
  const data = readdirSync(outdir)
    .filter((file) => extname(file) in MODULE_TYPES)
    .map((path) => ({ type: MODULE_TYPES[extname(path)]!, path, contents: readFileSync(join(outdir, path)) }));
  return { script: readFileSync(join(outdir, `${name}.js`), "utf8"), data };
}

export function wrangler(args: string[]): string {
  const env = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" };
  return execFileSync(process.execPath, [join(ROOT, "node_modules/wrangler/bin/wrangler.js"), ...args], {
    ...{ cwd: ROOT, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
  });
}

/** Starts both, with the bindings of wrangler.toml, an own database and the given variables. Keeps what it stores in `storage`. */
export async function start(
  yardgate: Bundle,
  empty: Bundle,
  bindings: Record<string, string>,
  storage: string,
): Promise<Server> {
  process.env.WRANGLER_LOG = "warn"; // it would tell about .dev.vars in the middle of the report
  const { modulesRules: _, ...workerOptions } = unstable_getMiniflareWorkerOptions(
    join(ROOT, "wrangler.toml"),
  ).workerOptions;
  const modulesOf = ({ script, data }: Bundle) => [{ type: "ESModule", path: "index.js", contents: script }, ...data];
  const common = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }], stripCfConnectingIp: false };
  const { compatibilityDate, compatibilityFlags } = workerOptions;
  const workers = [
    { ...workerOptions, ...common, name: "yardgate", modules: modulesOf(yardgate), bindings },
    { ...common, compatibilityDate, compatibilityFlags, name: "empty", modules: modulesOf(empty) },
  ];
  // wrangler and Miniflare describe the same options with types that are not the same.
  const options = { workers, resourcePersistencePath: storage, isolatedResourcePersistencePath: storage };
  const miniflare = new Miniflare(convertV4MiniflareOptions(options as unknown as V4MiniflareOptions));
  await miniflare.ready;
  const db = await miniflare.getD1Database("DB", "yardgate");
  await migrate(db);
  const pid = workerd();
  return {
    yardgate: await miniflare.unsafeGetDirectURL("yardgate"),
    empty: await miniflare.unsafeGetDirectURL("empty"),
    db,
    cpuSeconds: () => cpuSeconds(pid),
    memoryBytes: () => memoryBytes(pid),
    idle: () => idle(pid),
    stop: () => miniflare.dispose(),
  };
}

async function migrate(db: D1Database): Promise<void> {
  for (const file of readdirSync(join(ROOT, "migrations")).sort()) {
    const statements = unstable_splitSqlQuery(readFileSync(join(ROOT, "migrations", file), "utf8"));
    await db.batch(statements.map((statement) => db.prepare(statement)));
  }
}

/** The child of ours that is the runtime. */
function workerd(): number {
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const stat = statOf(Number(entry));
    if (stat?.name === "workerd" && stat.parent === process.pid) return Number(entry);
  }
  throw new Error("workerd does not run under this process");
}

const TICKS_PER_SECOND = 100;

function cpuSeconds(pid: number): number {
  const stat = statOf(pid);
  if (!stat) throw new Error("workerd is gone");
  return stat.ticks / TICKS_PER_SECOND;
}

function memoryBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
  return Number(kib) * 1024;
}

async function idle(pid: number): Promise<void> {
  for (let quiet = 0; quiet < 2; ) {
    const before = cpuSeconds(pid);
    await new Promise((resolve) => setTimeout(resolve, 20));
    quiet = cpuSeconds(pid) === before ? quiet + 1 : 0;
  }
}

// proc_pid_stat(5): the name is in parentheses and may hold anything, so the fields are counted from behind it.
function statOf(pid: number): { name: string; parent: number; ticks: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
  return { name, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}
