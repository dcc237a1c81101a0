// `npm run bench`: how fast the worker is beside an empty one, how often each call leaves the isolate, and how the database
// finds what it is asked for, and how many sync sessions it holds. `npm run bench -- plans` and `-- sync` do one of the last two alone.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKannel } from "./kannel.ts";
import { measure } from "./measure.ts";
import { memoryFolder } from "./memory-folder.ts";
import { explainReads } from "./plans.ts";
import { planTable, report, syncTables } from "./report.ts";
import { countRoundTrips } from "./round-trips.ts";
import { type Bundle, bundle, type Server, start } from "./server.ts";
import { startUp } from "./start-up.ts";
import { holdSessions } from "./sync.ts";
import { shakeHands } from "./sync-handshakes.ts";
import { targets } from "./targets.ts";
import { variables } from "./world.ts";

const folder = mkdtempSync(join(tmpdir(), "yardgate-bench-"));
const kannel = await startKannel();
const empty = bundle(folder, "empty-worker.ts");

async function withServer<T>(product: Bundle, use: (server: Server) => Promise<T>, root = tmpdir()): Promise<T> {
  const storage = mkdtempSync(join(root, "yardgate-bench-storage-"));
  const server = await start(product, empty, variables(kannel), storage);
  try {
    return await use(server);
  } finally {
    await server.stop();
    rmSync(storage, { recursive: true });
  }
}

async function explain() {
  const counting = bundle(folder, "counting-worker.ts");
  return withServer(counting, (server) => explainReads(server, kannel));
}

async function sync() {
  const product = bundle(folder);
  const root = memoryFolder();
  return {
    root,
    held: await withServer(product, holdSessions, root),
    handshakes: await withServer(product, shakeHands, root),
  };
}

async function everything(): Promise<string> {
  const product = bundle(folder);
  const figures = await withServer(product, async (server) => measure(server, await targets(server, kannel)));
  const counting = bundle(folder, "counting-worker.ts");
  const rows = await withServer(counting, ({ yardgate }) => countRoundTrips(yardgate, kannel));
  return report(figures, startUp(product, folder), rows, await explain(), await sync());
}

const [asked] = process.argv.slice(2);
const ALONE: Record<string, () => Promise<string>> = {
  plans: async () => planTable(await explain()),
  sync: async () => syncTables(await sync()),
};

try {
  console.log(await (ALONE[asked ?? ""] ?? everything)());
} finally {
  kannel.stop();
  rmSync(folder, { recursive: true });
}
