import { env } from "cloudflare:test";
import type { Env } from "#env.ts";

/** How often each outside store was asked. One `batch` is one round trip, whatever it holds. */
export interface Trips {
  d1: number;
  d1Writes: number;
  kvReads: number;
  kvWrites: number;
  objects: number;
  queue: number;
}

/** What a counted statement shows to its batch. */
interface Unwrapped {
  inner: D1PreparedStatement;
  sql: string;
}

const WRITES = /^\s*(insert|update|delete|replace)/i;

/** The tests' environment with every binding counted, and the counts as they stand. */
export function countedEnv(vars: Partial<Record<string, unknown>> = {}): { env: Env; trips: Trips } {
  const trips: Trips = { d1: 0, d1Writes: 0, kvReads: 0, kvWrites: 0, objects: 0, queue: 0 };
  const counting = <T extends object>(target: T, count: (name: string, args: unknown[]) => void): T =>
    new Proxy(target, {
      get(object, name) {
        const value = Reflect.get(object, name) as unknown;
        if (typeof value !== "function" || typeof name !== "string") return value;
        return (...args: unknown[]) => {
          count(name, args);
          // A stub's method takes its own `apply` for a call to make.
          return Reflect.apply(value as (...args: unknown[]) => unknown, object, args);
        };
      },
    });
  const statement = (inner: D1PreparedStatement, sql: string): D1PreparedStatement =>
    new Proxy(inner, {
      get(object, name) {
        if (name === "inner") return object;
        if (name === "sql") return sql;
        if (name === "bind") return (...values: unknown[]) => statement(object.bind(...values), sql);
        const value = Reflect.get(object, name) as unknown;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          trips.d1++;
          if (WRITES.test(sql)) trips.d1Writes++;
          return (value as (...args: unknown[]) => unknown).apply(object, args);
        };
      },
    });
  const DB = {
    prepare: (sql: string) => statement(env.DB.prepare(sql), sql),
    batch(statements: (D1PreparedStatement & Unwrapped)[]) {
      trips.d1++;
      if (statements.some((each) => WRITES.test(each.sql))) trips.d1Writes++;
      return env.DB.batch(statements.map((each) => each.inner));
    },
  };
  const objects = (namespace: DurableObjectNamespace<never>) =>
    new Proxy(namespace, {
      get(inner, name) {
        if (name !== "getByName") return Reflect.get(inner, name).bind(inner);
        return (id: string) => counting(inner.getByName(id) as object, () => trips.objects++);
      },
    });
  return {
    trips,
    env: {
      ...env,
      DB,
      TOKENS: counting(env.TOKENS, (name) =>
        name === "put" || name === "delete" ? trips.kvWrites++ : trips.kvReads++,
      ),
      MESSAGES: counting(env.MESSAGES, () => trips.queue++),
      SIGNALS: counting(env.SIGNALS, () => trips.queue++),
      ARCHIVE: counting(env.ARCHIVE, () => trips.queue++),
      PANELS: counting(env.PANELS, () => trips.queue++),
      OPERATOR_CALLS: counting(env.OPERATOR_CALLS, () => trips.queue++),
      PUBLICATIONS: counting(env.PUBLICATIONS, () => trips.queue++),
      ONE_TIME_CODES: objects(env.ONE_TIME_CODES as never),
      SEND_BUDGETS: objects(env.SEND_BUDGETS as never),
      PASSWORD_ATTEMPTS: objects(env.PASSWORD_ATTEMPTS as never),
      DOOR_OPENERS: objects(env.DOOR_OPENERS as never),
      TEMPORARY_EXTENSIONS: objects(env.TEMPORARY_EXTENSIONS as never),
      SYNC_SESSIONS: objects(env.SYNC_SESSIONS as never),
      ...vars,
    } as unknown as Env,
  };
}
