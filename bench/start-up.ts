import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Bundle, wrangler } from "./server.ts";

export interface StartUp {
  /** Bytes, before and after gzip. */
  size: number;
  gzipped: number;
  /** ms of CPU until the worker can answer: the best of a few tries, since nothing else than the machine varies. */
  milliseconds: number;
}

interface Profile {
  nodes: { id: number; callFrame: { functionName: string } }[];
  samples: number[];
  /** µs */
  timeDeltas: number[];
}

const TRIES = 3;

export function startUp({ script }: Bundle, folder: string): StartUp {
  const tries = Array.from({ length: TRIES }, (_, n) => {
    const file = join(folder, `${n}.cpuprofile`);
    wrangler(["check", "startup", "--outfile", file]);
    return activeMs(JSON.parse(readFileSync(file, "utf8")) as Profile);
  });
  return { size: script.length, gzipped: gzipSync(script).length, milliseconds: Math.min(...tries) };
}

function activeMs({ nodes, samples, timeDeltas }: Profile): number {
  const idle = new Set(nodes.filter(({ callFrame }) => callFrame.functionName === "(idle)").map(({ id }) => id));
  return samples.reduce((sum, id, n) => sum + (idle.has(id) ? 0 : timeDeltas[n]!), 0) / 1000;
}
