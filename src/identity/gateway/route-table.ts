import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import { matchPattern, type Pattern, parsePattern } from "./patterns.ts";
import { type Provider, providerOf } from "./providers.ts";
import { allRoutes } from "./queries.ts";
import type { GatewayRoute } from "./tables.ts";

/** A route ready for use. */
export interface Route extends GatewayRoute {
  parsed: Pattern;
  target: Provider;
}

/** The enabled routes by their first segment, which is always literal. */
export type RouteTable = ReadonlyMap<string, readonly Route[]>;

export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** The methods that a route answers to: every one for `*`, and HEAD wherever GET is (RFC 9110 §9.3.2). */
export const methodsOf = ({ methods }: Pick<GatewayRoute, "methods">): readonly string[] =>
  METHODS.filter(
    (each) => methods.includes("*") || methods.includes(each) || (each === "HEAD" && methods.includes("GET")),
  );

export type Found = { route: Route; params: Record<string, string> } | { allow: readonly string[] };

/** The one route for a request; the methods that there are where it is for others only; undefined where there is none. */
export function findRoute(table: RouteTable, method: string, segments: readonly string[]): Found | undefined {
  const others: Route[] = [];
  for (const route of table.get(segments[0] ?? "") ?? []) {
    const params = matchPattern(route.parsed, segments);
    if (!params) continue;
    if (methodsOf(route).includes(method)) return { route, params };
    others.push(route);
  }
  if (others.length === 0) return undefined;
  const allowed = new Set(others.flatMap(methodsOf));
  return { allow: METHODS.filter((each) => allowed.has(each)) };
}

export function tableOf(rows: readonly GatewayRoute[]): RouteTable {
  const table = new Map<string, Route[]>();
  for (const row of rows) {
    const [parsed, target] = [parsePattern(row.pattern), providerOf(row.provider)];
    const [first] = parsed?.steps ?? [];
    if (!row.enabled || !parsed || !target || !first || !("literal" in first)) continue;
    table.set(first.literal, [...(table.get(first.literal) ?? []), { ...row, parsed, target }]);
  }
  return table;
}

const TRUSTED_MS = 30_000;
const KEPT_MS = 50_000;
/** How long routes go on while D1 cannot be read. */
const OUTAGE_MS = 600_000;
const RETRY_MS = 5_000;

interface Kept {
  table: RouteTable;
  /** When it was read, and when it is to be read again. */
  at: number;
  due: number;
  edition: number;
}
const kept = new WeakMap<D1Database, Kept>();
let edition = 0;

/** What was just saved counts here at once; other isolates hear of it within a minute. */
export const forgetTable = (): void => {
  edition++;
};

/** The routes, never older than a minute: read again after the answer when half of that has passed. */
export async function routeTable(env: Env, later: After, now: number): Promise<RouteTable> {
  const known = kept.get(env.DB);
  if (known?.edition !== edition) return read(env, now);
  if (now - known.at < KEPT_MS) {
    if (now < known.due) return known.table;
    known.due = now + RETRY_MS;
    later(() => read(env, now));
    return known.table;
  }
  return read(env, now).catch((error: unknown) => {
    if (now - known.at > OUTAGE_MS) throw error;
    logError("routes not read, going on with those known", error);
    return known.table;
  });
}

async function read(env: Env, now: number): Promise<RouteTable> {
  const current = edition;
  const table = tableOf(await allRoutes(database(env)));
  kept.set(env.DB, { table, at: now, due: now + TRUSTED_MS, edition: current });
  return table;
}
