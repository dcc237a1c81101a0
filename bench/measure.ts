import { pace, saturate } from "./load.ts";
import type { Server } from "./server.ts";
import { EMPTY, type Target } from "./targets.ts";

export const CONNECTIONS = [1, 16, 64];
const ROUNDS = 20;
const WARM_UPS = 5;
const RUN_SECONDS = 0.15;
/** Where the number of requests ends a run, and not the time. */
const LIMITED_RUN_SECONDS = 10;
const PACED_ROUNDS = 2;
const PACED_SECONDS = 4;
const PER_SECOND = 100;

export interface Figures {
  name: string;
  /** By number of connections. */
  throughput: Map<number, { perSecond: number; ratio: number }>;
  /** µs of workerd, at 16 connections. */
  cpu: number;
  /** The paced load, and what was waited for at it, in ms. */
  paced: number;
  p50: number;
  p99: number;
}

interface Run {
  requests: number;
  seconds: number;
  cpuSeconds: number;
}

interface Sample extends Run {
  /** Throughput, as a share of the empty route's in the same round. */
  ratio: number;
}

/**
 * Every target in turn, again and again, each run too short for the machine's mood to change between the empty
 * route and the target that it is compared with: a ratio is taken within a round, and the median over the rounds.
 */
export async function measure(server: Server, targets: Target[]): Promise<Figures[]> {
  for (const target of targets) for (let n = 0; n < WARM_UPS; n += target.every ?? 1) await run(server, target, 16);
  const latencies = await pacedRounds(server, targets); // first: what saturation leaves behind is collected for minutes
  const samples = new Map<number, Map<string, Sample[]>>();
  for (const connections of CONNECTIONS) samples.set(connections, await rounds(server, targets, connections));
  return targets.map(({ name, perSecond: paced = PER_SECOND }) => {
    const throughput = [...samples].map(([connections, byName]) => {
      const of = byName.get(name)!;
      return [
        connections,
        { perSecond: median(of.map(perSecondOf)), ratio: median(of.map(({ ratio }) => ratio)) },
      ] as const;
    });
    const busy = samples.get(16)!.get(name)!;
    const cpu = (sum(busy, (run) => run.cpuSeconds) / sum(busy, (run) => run.requests)) * 1e6;
    const waits = latencies.get(name)!;
    return { name, throughput: new Map(throughput), cpu, paced, p50: median(waits), p99: quantile(waits, 0.99) };
  });
}

async function rounds(server: Server, targets: Target[], connections: number): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const runs = new Map<string, Run>();
    for (const target of inTurn(targets, round)) runs.set(target.name, await run(server, target, connections));
    const empty = perSecondOf(runs.get(EMPTY)!);
    for (const [name, result] of runs) samples.get(name)!.push({ ...result, ratio: perSecondOf(result) / empty });
  }
  return samples;
}

/** Each round in another order, so that none always runs behind the same neighbour. Those with a limit come last. */
function inTurn(targets: Target[], round: number): Target[] {
  const others = targets.filter(({ limit }) => !limit).map((target) => ({ target, at: Math.random() }));
  const limited = targets.filter(({ limit, every = 1 }) => limit && round % every === 0);
  return [...others.sort((a, b) => a.at - b.at).map(({ target }) => target), ...limited];
}

async function run(server: Server, target: Target, connections: number): Promise<Run> {
  const { limit = Infinity } = target;
  await target.ready?.();
  await server.idle();
  const before = server.cpuSeconds();
  const longest = limit === Infinity ? RUN_SECONDS : LIMITED_RUN_SECONDS;
  const { requests, seconds } = await saturate(target, { connections, seconds: longest, limit });
  return { requests, seconds, cpuSeconds: server.cpuSeconds() - before };
}

async function pacedRounds(server: Server, targets: Target[]): Promise<Map<string, number[]>> {
  const latencies = new Map<string, number[]>();
  for (let round = 0; round < PACED_ROUNDS; round++) {
    for (const target of inTurn(targets, 0)) {
      await target.ready?.();
      await server.idle();
      const perSecond = target.perSecond ?? PER_SECOND;
      await pace(target, { perSecond, seconds: 1 }); // until the garbage of the target before is collected
      await target.ready?.();
      const waits = await pace(target, { perSecond, seconds: PACED_SECONDS });
      latencies.set(target.name, [...(latencies.get(target.name) ?? []), ...waits]);
    }
  }
  return latencies;
}

const perSecondOf = ({ requests, seconds }: Run) => requests / seconds;
const sum = <T>(list: T[], of: (each: T) => number) => list.reduce((total, each) => total + of(each), 0);
const median = (numbers: number[]) => quantile(numbers, 0.5);

/** Which of the numbers that part of them does not exceed. */
export function quantile(numbers: number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
