import { countWrites } from "./d1-writes.ts";
import { quantile } from "./measure.ts";
import type { Server } from "./server.ts";
import { comes, newSession, sleep, type Watched, watch } from "./sync-session.ts";

const SESSIONS = 2_000;
/** What the product has when nobody sets it. */
export const RHYTHM = { changes: 3, sleepMs: 15_000 };
const WARM_UPS = 50;
/** So much later than planned the last frame may come before we stop waiting for it. */
const PATIENCE_MS = 60_000;

export interface SyncFigures {
  /** Sockets that were open at once. */
  held: number;
  /** ms from the moment at which a socket was asked for until it was open. */
  opening: Spread;
  /** KiB of workerd's resident memory, for each socket. */
  memory: number;
  /** ms from the moment at which a frame was due until it came. */
  lateness: Spread;
  frames: number;
  missing: number;
  doubled: number;
  /** Rows that were written in D1 while the sockets were open and nobody did anything. */
  writes: number;
  /** CPU of workerd meanwhile, as a share of one processor. */
  cpu: number;
}

export interface Spread {
  p50: number;
  p99: number;
  max: number;
}

/**
 * Two thousand pages with a QR code each, opened evenly over the time that one code is shown, until the last of them has shown all its codes.
 * The k-th frame of a session is due k times that time after its socket was opened.
 */
export async function holdSessions(server: Server): Promise<SyncFigures> {
  const url = server.yardgate;
  await openPaced(url, WARM_UPS, 1_000);
  await server.idle();
  const before = server.memoryBytes();
  const sessions = await openPaced(url, SESSIONS, RHYTHM.sleepMs);
  const writes = await countWrites(server.db);
  const [start, cpuBefore] = [performance.now(), server.cpuSeconds()];
  await sleep(RHYTHM.sleepMs);
  const held = sessions.filter(({ closed }) => closed === undefined).length;
  const memory = (server.memoryBytes() - before) / 1024 / held;
  const cpu = (server.cpuSeconds() - cpuBefore) / ((performance.now() - start) / 1000);
  const written = await writes.stop();
  const length = RHYTHM.changes * RHYTHM.sleepMs;
  await comes(() => sessions.every(({ closed }) => closed !== undefined), length + PATIENCE_MS);
  return { held, opening: openingOf(sessions), memory, ...framesOf(sessions), writes: written, cpu };
}

async function openPaced(url: URL, count: number, withinMs: number): Promise<Watched[]> {
  const start = performance.now();
  const opening: Promise<Watched>[] = [];
  for (let n = 0; n < count; n++) {
    await sleep(Math.max(0, start + (n * withinMs) / count - performance.now()));
    opening.push(newSession(url, `page-${n}`).then((path) => watch(url, path)));
  }
  return Promise.all(opening);
}

const openingOf = (sessions: Watched[]): Spread => spread(sessions.map(({ askedAt, openedAt }) => openedAt - askedAt));

function framesOf(sessions: Watched[]): Pick<SyncFigures, "lateness" | "frames" | "missing" | "doubled"> {
  const late = sessions.flatMap(({ openedAt, frames }) =>
    frames.map(({ at }, k) => at - (openedAt + k * RHYTHM.sleepMs)),
  );
  const different = sessions.map(({ frames }) => new Set(frames.map(({ text }) => text)).size);
  return {
    lateness: spread(late),
    frames: late.length,
    missing: sum(different.map((count) => Math.max(0, RHYTHM.changes - count))),
    doubled: sum(sessions.map(({ frames }, n) => frames.length - Math.min(different[n]!, RHYTHM.changes))),
  };
}

const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);

const spread = (numbers: number[]): Spread => ({
  ...{ p50: quantile(numbers, 0.5), p99: quantile(numbers, 0.99), max: quantile(numbers, 1) },
});
