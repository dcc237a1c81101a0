import { AsyncLocalStorage } from "node:async_hooks";
import type { Env } from "../src/env.ts";
import { sweepTests } from "../src/gateway/clients/tests.ts";
import { hearUnheard } from "../src/gateway/inbound/kannel.ts";
import { sweepPublications } from "../src/gateway/inbound/sweep.ts";
import { sweepSeeds } from "../src/gateway/seeds/sweep.ts";
import { userByHash } from "../src/gateway/users/keys.ts";
import { sweepUsers } from "../src/gateway/users/leavers.ts";
import product from "../src/index.ts";

export {
  DoorOpener,
  OneTimeCodes,
  PasswordAttempts,
  SendBudget,
  SyncSession,
  TemporaryExtension,
} from "../src/index.ts";

/** How often a request left the isolate. One `batch` is one trip, whatever it holds. */
export interface Trips {
  d1: number;
  /** Of those the ones that began when no other was under way: so often one waited for the next. */
  d1InTurn: number;
  kvReads: number;
  kvWrites: number;
  objects: number;
  queues: number;
  outbound: number;
}

interface Counted {
  /** What the caller waited for, and what went on behind the answer. */
  before: Trips;
  after: Trips;
  answered: boolean;
  /** Questions to D1 that are not answered yet. */
  asking: number;
}

/** What D1 was asked for the latest request, for whoever wants to see how it finds the rows. */
let statements: string[] = [];
const STATEMENTS = "/bench/statements";

/** What nobody calls and yet must find its rows: `/bench/chores/<name>`. */
const CHORES: Record<string, (env: Env) => Promise<unknown>> = {
  "the user whose number has a hash": (env) => userByHash(env, "0".repeat(128)),
  "SMS of Kannel that nobody has heard": hearUnheard,
  "sweep of SMS for the publisher": sweepPublications,
  "sweep of reliability tests": sweepTests,
  "sweep of seeds": sweepSeeds,
  "sweep of the gateway's users": sweepUsers,
};
const CHORE = "/bench/chores/";

const none = (): Trips => ({ d1: 0, d1InTurn: 0, kvReads: 0, kvWrites: 0, objects: 0, queues: 0, outbound: 0 });
const request = new AsyncLocalStorage<Counted>();

async function askD1<T>(ask: () => Promise<T>): Promise<T> {
  const counted = request.getStore();
  if (!counted) return ask();
  const trips = counted[counted.answered ? "after" : "before"];
  trips.d1++;
  if (counted.asking++ === 0) trips.d1InTurn++;
  try {
    return await ask();
  } finally {
    counted.asking--;
  }
}

function count(trip: keyof Trips): void {
  const counted = request.getStore();
  if (counted) counted[counted.answered ? "after" : "before"][trip]++;
}

/** Yardgate with bindings that count; each answer tells, in `X-Round-Trips`, what it cost. Not for measuring speed. */
export default {
  ...product,
  async fetch(incoming: Parameters<typeof product.fetch>[0], env: Env, context: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(incoming.url);
    if (pathname === STATEMENTS) return Response.json([...new Set(statements)]);
    if (pathname === CHORE) return Response.json(Object.keys(CHORES));
    const chore = pathname.startsWith(CHORE) && CHORES[decodeURIComponent(pathname.slice(CHORE.length))];
    statements = [];
    const counted: Counted = { before: none(), after: none(), answered: false, asking: 0 };
    const behind: Promise<unknown>[] = [];
    const waitUntil = (work: Promise<unknown>) => {
      behind.push(work);
      context.waitUntil(work);
    };
    return request.run(counted, async () => {
      const answer = chore
        ? await chore(countingEnv(env)).then(() => new Response("{}"))
        : await product.fetch(incoming, countingEnv(env), { ...context, waitUntil } as ExecutionContext);
      counted.answered = true;
      await Promise.allSettled(behind);
      const headers = new Headers(answer.headers);
      headers.set("X-Round-Trips", JSON.stringify(counted));
      return new Response(answer.body, { status: answer.status, headers });
    });
  },
};

const fetchOutside = globalThis.fetch;
globalThis.fetch = (...args: Parameters<typeof fetch>) => {
  count("outbound");
  return fetchOutside(...args);
};

const wrapped = new WeakMap<Env, Env>();

function countingEnv(env: Env): Env {
  let counting = wrapped.get(env);
  if (!counting) {
    counting = {
      ...env,
      DB: countingDatabase(env.DB),
      TOKENS: onCall(env.TOKENS, (name) => count(name === "put" || name === "delete" ? "kvWrites" : "kvReads")),
      MESSAGES: onCall(env.MESSAGES, () => count("queues")),
      SIGNALS: onCall(env.SIGNALS, () => count("queues")),
      ARCHIVE: onCall(env.ARCHIVE, () => count("queues")),
      PANELS: onCall(env.PANELS, () => count("queues")),
      OPERATOR_CALLS: onCall(env.OPERATOR_CALLS, () => count("queues")),
      PUBLICATIONS: onCall(env.PUBLICATIONS, () => count("queues")),
      ONE_TIME_CODES: countingObjects(env.ONE_TIME_CODES),
      SEND_BUDGETS: countingObjects(env.SEND_BUDGETS),
      DOOR_OPENERS: countingObjects(env.DOOR_OPENERS),
      TEMPORARY_EXTENSIONS: countingObjects(env.TEMPORARY_EXTENSIONS),
      SYNC_SESSIONS: countingObjects(env.SYNC_SESSIONS),
      PASSWORD_ATTEMPTS: countingObjects(env.PASSWORD_ATTEMPTS),
    };
    wrapped.set(env, counting);
  }
  return counting;
}

/** The object, with a word said before each of its methods is called. */
function onCall<T extends object>(object: T, before: (name: string) => void): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function" || typeof name !== "string") return value;
      return (...args: unknown[]) => {
        before(name);
        return Reflect.apply(value, target, args); // the methods of a stub have no `apply` of their own
      };
    },
  });
}

function countingObjects<T extends object>(namespace: T): T {
  return new Proxy(namespace, {
    get(target, name) {
      const value = (Reflect.get(target, name) as (...args: unknown[]) => object).bind(target);
      if (name !== "get" && name !== "getByName") return value;
      return (...args: unknown[]) => onCall(value(...args), () => count("objects"));
    },
  });
}

const inner = new WeakMap<D1PreparedStatement, D1PreparedStatement>();

function countingDatabase(db: D1Database): D1Database {
  return {
    prepare(sql: string) {
      statements.push(sql);
      return countingStatement(db.prepare(sql));
    },
    batch: (statements: D1PreparedStatement[]) =>
      askD1(() => db.batch(statements.map((statement) => inner.get(statement)!))),
  } as D1Database;
}

function countingStatement(statement: D1PreparedStatement): D1PreparedStatement {
  const proxy = new Proxy(statement, {
    get(target, name) {
      const value = (Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>).bind(target);
      if (name === "bind") return (...values: unknown[]) => countingStatement(target.bind(...values));
      return (...args: unknown[]) => askD1(() => value(...args));
    },
  });
  inner.set(proxy, statement);
  return proxy;
}
