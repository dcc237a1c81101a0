import { env } from "cloudflare:test";
import type { Env } from "#env.ts";
import { envWith } from "./world.ts";

/** An environment in which something happens once, in the moment between what a call has looked at and its first batch. */
export function meanwhile(happens: () => Promise<unknown>, vars: Partial<Record<string, unknown>> = {}): Env {
  let isDone = false;
  const DB = new Proxy(env.DB, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "batch") return value.bind(target);
      return async (statements: D1PreparedStatement[]) => {
        if (!isDone) {
          isDone = true;
          await happens();
        }
        return target.batch(statements);
      };
    },
  });
  return envWith({ ...vars, DB });
}
