import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { type Bundle, wrangler } from "./server.ts";

export interface StartUp {
  /** Bytes, before and after gzip. */
  size: number;
  gzipped: number;
  /** ms of CPU until the worker can answer, and until an empty one can, which the runtime itself takes. */
  milliseconds: number;
  empty: number;
}

interface Profile {
  nodes: { id: number; callFrame: { functionName: string } }[];
  samples: number[];
  /** µs */
  timeDeltas: number[];
}

const TRIES = 5;

/** Taken in turn, and the best of each: nothing but the machine varies, and it only ever adds. */
export function startUp({ script }: Bundle, folder: string): StartUp {
  const empty = emptyConfig(folder);
  const tries = Array.from({ length: TRIES }, (_, n) => {
    const profile = (args: string[]) => {
      const file = join(folder, `${n}.cpuprofile`);
      wrangler(["check", "startup", "--outfile", file, ...args]);
      return activeMs(JSON.parse(readFileSync(file, "utf8")) as Profile);
    };
    return { full: profile([]), empty: profile(["--config", empty]) };
  });
  return {
    size: script.length,
    gzipped: gzipSync(script).length,
    milliseconds: Math.min(...tries.map(({ full }) => full)),
    empty: Math.min(...tries.map(({ empty }) => empty)),
  };
}

/** The same runtime settings with nothing in the worker. */
function emptyConfig(folder: string): string {
  const file = join(folder, "empty.toml");
  const dated = readFileSync("wrangler.toml", "utf8").match(/^compatibility_.*$/gm) ?? [];
  const main = resolve("bench/empty-worker.ts");
  writeFileSync(file, ['name = "empty"', `main = ${JSON.stringify(main)}`, ...dated].join("\n"));
  return file;
}

/** JavaScript and garbage collection. Not the time before the first sample, in which the runtime itself starts. */
function activeMs({ nodes, samples, timeDeltas }: Profile): number {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  const isOurs = (id: number) => names.get(id) !== "(idle)" && names.get(id) !== "(program)";
  return samples.reduce((sum, id, n) => sum + (n > 0 && isOurs(id) ? timeDeltas[n]! : 0), 0) / 1000;
}
