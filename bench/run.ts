// `npm run bench`: how fast the worker is beside an empty one, and how often each call leaves the isolate.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKannel } from "./kannel.ts";
import { measure } from "./measure.ts";
import { report } from "./report.ts";
import { countRoundTrips } from "./round-trips.ts";
import { type Bundle, bundle, type Server, start } from "./server.ts";
import { startUp } from "./start-up.ts";
import { targets } from "./targets.ts";
import { variables } from "./world.ts";

const folder = mkdtempSync(join(tmpdir(), "yardgate-bench-"));
const kannel = await startKannel();
const empty = bundle(folder, "empty-worker.ts");

async function withServer<T>(product: Bundle, use: (server: Server) => Promise<T>): Promise<T> {
  const server = await start(product, empty, variables(kannel));
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

try {
  const product = bundle(folder);
  const figures = await withServer(product, async (server) => measure(server, await targets(server, kannel)));
  const rows = await withServer(bundle(folder, "counting-worker.ts"), ({ yardgate }) =>
    countRoundTrips(yardgate, kannel),
  );
  console.log(report(figures, startUp(product, folder), rows));
} finally {
  kannel.stop();
  rmSync(folder, { recursive: true });
}
