import { CONNECTIONS, type Figures } from "./measure.ts";
import type { Plan } from "./plans.ts";
import type { Row } from "./round-trips.ts";
import type { StartUp } from "./start-up.ts";
import { RHYTHM, type Spread, type SyncFigures } from "./sync.ts";
import type { HandshakeFigures, Rate } from "./sync-handshakes.ts";

/** Everything that was measured, as Markdown. */
export function report(
  figures: Figures[],
  { size, gzipped, milliseconds, empty }: StartUp,
  rows: Row[],
  plans: Plan[],
  sync: Sync,
): string {
  return [
    "## Throughput, as a share of the empty Hono route in the same round",
    table(
      ["", ...CONNECTIONS.map((n) => (n === 1 ? "1 connection" : `${n} connections`)), "requests/s at 16", "CPU, µs"],
      figures.map(({ name, throughput, cpu }) => [
        ...[name, ...CONNECTIONS.map((n) => throughput.get(n)!.ratio.toFixed(2))],
        ...[throughput.get(16)!.perSecond.toFixed(0), cpu.toFixed(0)],
      ]),
    ),
    "## Latency at a paced load, ms",
    table(
      ["", "requests/s", "p50", "p99"],
      figures.map(({ name, paced, p50, p99 }) => [name, String(paced), p50.toFixed(2), p99.toFixed(2)]),
    ),
    "## The worker",
    table(
      ["", ""],
      [
        ["bundle", `${kib(size)} KiB, ${kib(gzipped)} KiB gzipped`],
        [
          "start-up, profiled",
          `${milliseconds.toFixed(0)} ms of CPU, ${empty.toFixed(0)} ms of them an empty worker's`,
        ],
      ],
    ),
    "## Round trips: what the caller waits for + what follows the answer",
    table(
      ["", "D1", "KV read", "KV write", "Durable Objects", "queues", "outbound"],
      rows.map(({ call, before, after }) => [
        call,
        ...(["d1", "kvReads", "kvWrites", "objects", "queues", "outbound"] as const).map((trip) =>
          after[trip] === 0 ? String(before[trip]) : `${before[trip]} + ${after[trip]}`,
        ),
      ]),
    ),
    planTable(plans),
    syncTables(sync),
  ].join("\n\n");
}

interface Sync {
  /** Where the objects keep their databases. */
  root: string;
  held: SyncFigures;
  handshakes: HandshakeFigures;
}

/** How many sync sessions there were at once, how punctual, and how many of them end with a key. */
export const syncTables = ({ root, held, handshakes }: Sync): string =>
  [
    `## Sync sessions, one object and one hibernating socket each, ${RHYTHM.changes} codes of ${RHYTHM.sleepMs / 1000} s, databases in ${root}`,
    table(
      ["", ""],
      [
        ["sockets held", String(held.held)],
        ["memory per socket, KiB", held.memory.toFixed(0)],
        ["until a socket is open, ms", spread(held.opening)],
        ["frames, missing, doubled", `${held.frames}, ${held.missing}, ${held.doubled}`],
        ["frames late, ms", spread(held.lateness)],
        ["rows written in D1 while nobody does anything", String(held.writes)],
        ["processor meanwhile", `${(held.cpu * 100).toFixed(0)} %`],
      ],
    ),
    table(
      ["", "per second", "CPU, ms"],
      [
        rate("handshake", handshakes.handshake),
        rate("verification, with the password's hash", handshakes.verification),
        rate("both steps", handshakes.both),
      ],
    ),
  ].join("\n\n");

const spread = ({ p50, p99, max }: Spread) => `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, at most ${max.toFixed(1)}`;

const rate = (name: string, { perSecond, cpu }: Rate) => [name, perSecond.toFixed(1), cpu.toFixed(1)];

/** What each read asks the database, and how it is found. */
export const planTable = (plans: Plan[]): string =>
  [
    "## Reads in an estate of 20 contracts, 200 doors, 200 cameras and 1,000,000 events; a gateway of 10,000 clients and 100,000 SMS",
    table(
      ["", "D1", "of them in turn", "KV read", "how the database finds the rows"],
      plans.map(({ call, before, steps }) => [
        ...[call, String(before.d1), String(before.d1InTurn), String(before.kvReads)],
        steps.join("; "),
      ]),
    ),
  ].join("\n\n");

const kib = (bytes: number) => (bytes / 1024).toFixed(0);

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, n) => (n === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
