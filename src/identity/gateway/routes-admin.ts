import { Buffer } from "node:buffer";
import type { Env } from "#env.ts";
import { fail, failureCodeOf } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { identityKey, newestKey } from "./identity-keys.ts";
import { audienceOfTarget, providerOf } from "./providers.ts";
import { allRoutes, insertRoute, rekeyRoutes, removeRoute, replaceRoute, stampOf } from "./queries.ts";
import { clashOf, fieldsOf, type RouteFields } from "./route-input.ts";
import { forgetTable } from "./route-table.ts";
import type { GatewayRoute } from "./tables.ts";

export { RouteInput } from "./route-input.ts";

// What Operations does with routes. One path has one route in the whole deployment, because a request does not say whose it is.
// A route serves the tokens of its operator; one of the operator `*` serves everybody's.

/** A route as Operations reads it. */
export interface RouteView {
  id: string;
  operator: string;
  /** As it was given: one, or several. */
  method: string | string[];
  pattern: string;
  provider: string;
  auth: GatewayRoute["auth"];
  knd: string[];
  scopes: string[];
  class: GatewayRoute["class"];
  policy: GatewayRoute["policy"];
  identity: GatewayRoute["identity"];
  timeout_ms: number;
  strip_prefix: string | null;
  pass_bearer: boolean;
  enabled: boolean;
  created_at: string;
  version: number;
}

/** What the target verifies with, in base64. Shown once; null where the target gets no assertions. */
export interface ShownKey {
  kid: string;
  key: string;
}

export function routeView(row: GatewayRoute): RouteView {
  const [only, ...others] = row.methods;
  return {
    ...{ id: row.id, operator: row.operator, method: others.length === 0 ? only! : row.methods, pattern: row.pattern },
    ...{ provider: row.provider, auth: row.auth, knd: row.kinds, scopes: row.scopes, class: row.class },
    ...{ policy: row.policy, identity: row.identity, timeout_ms: row.timeoutMs, strip_prefix: row.stripPrefix },
    ...{ pass_bearer: row.passBearer, enabled: row.enabled, created_at: row.createdAt.toISOString(), version: row.ver },
  };
}

/** The routes of these operators (`*` is one too); of all of them where none is named. */
export async function listRoutes(env: Env, operators?: readonly string[]): Promise<RouteView[]> {
  const rows = await allRoutes(database(env));
  return rows.filter(({ operator }) => operators?.includes(operator) ?? true).map(routeView);
}

/** One route; throws `route_unknown`. */
export async function routeById(env: Env, operator: string, id: string): Promise<RouteView> {
  return routeView(rowOf(await allRoutes(database(env)), operator, id));
}

/**
 * Saves a route; every isolate takes it within a minute. Throws `validation_failed` with pointers, and `route_overlaps` with the id
 * of the `route` that has some of the same paths already.
 */
export async function createRoute(
  env: Env,
  operator: string,
  input: unknown,
  actor: Actor,
  now = new Date(),
): Promise<RouteView & { identity_key: ShownKey | null }> {
  const fields = fieldsOf(env, input);
  const db = database(env);
  const row = await savedInto(env, async (rows, stamp) => {
    refuseClash(fields, rows);
    const { keyKid, keyVersion } = keyFor(env, operator, fields, rows, now);
    const fresh: GatewayRoute = {
      ...{ operator, id: newId("rte"), ...fields, keyKid, keyVersion, createdAt: now, ver: 1 },
    };
    const entry = { action: "gateway_route.created", target: targetOf(fresh), after: { ...routeView(fresh) } };
    const [written] = await db.batch([insertRoute(db, fresh, stamp), ...journal(db, operator, actor, entry, now)]);
    return written.length > 0 ? fresh : undefined;
  });
  return { ...routeView(row), identity_key: shownKey(env, row) };
}

/**
 * Changes the given members of a route (RFC 7396: null puts one back to what it is when it is not given). Throws what `createRoute`
 * throws, `route_unknown`, and `precondition_failed` where it is no longer of that version. With another target comes its key.
 */
export async function updateRoute(
  env: Env,
  operator: string,
  { id, version, reason }: { id: string; version?: number | undefined; reason?: string | undefined },
  patch: Record<string, unknown>,
  actor: Actor,
  now = new Date(),
): Promise<RouteView & { identity_key?: ShownKey | null }> {
  const db = database(env);
  let before: GatewayRoute | undefined;
  const row = await savedInto(env, async (rows, stamp) => {
    before = rowOf(rows, operator, id);
    if (version !== undefined && before.ver !== version) throw fail("precondition_failed");
    const fields = fieldsOf(env, merged(routeView(before), patch));
    refuseClash(
      fields,
      rows.filter((other) => other.id !== id),
    );
    const { keyKid, keyVersion } = keyFor(env, operator, fields, rows, now);
    const changed = { ...before, ...fields, keyKid, keyVersion };
    const entry = {
      ...{ action: "gateway_route.updated", target: targetOf(before), reason },
      ...{ before: { ...routeView(before) }, after: { ...routeView({ ...changed, ver: changed.ver + 1 }) } },
    };
    const [written] = await db.batch([replaceRoute(db, changed, stamp), ...journal(db, operator, actor, entry, now)]);
    return written.length > 0 ? { ...changed, ver: changed.ver + 1 } : undefined;
  });
  const isSame = before && sameTarget(before, row) && before.identity === row.identity;
  return { ...routeView(row), ...(!isSame && { identity_key: shownKey(env, row) }) };
}

/** Throws `route_unknown`, and `precondition_failed` where it is no longer of that version. */
export async function deleteRoute(
  env: Env,
  operator: string,
  { id, version, reason }: { id: string; version?: number | undefined; reason?: string | undefined },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const row = rowOf(await allRoutes(db), operator, id);
  const entry = { action: "gateway_route.deleted", target: targetOf(row), reason, before: { ...routeView(row) } };
  const [removed] = await db.batch([
    removeRoute(db, operator, id, version ?? row.ver),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (removed.length === 0) throw fail("precondition_failed");
  forgetTable();
}

export type Verdict =
  | { ok: true }
  | { ok: false; code: string; errors: unknown[] /** The id of the other, where two overlap. */; route?: unknown };

/**
 * What saving these routes, one after the other, beside those that are there would say. Saves nothing. One that names the `id` of
 * a route takes its place.
 */
export async function validateRoutes(env: Env, inputs: readonly unknown[]): Promise<Verdict[]> {
  const replaced = inputs.map((input) => (input as { id?: unknown } | null)?.id);
  const rows = await allRoutes(database(env));
  const seen: (RouteFields & { id: string })[] = rows.filter(({ id }) => !replaced.includes(id));
  return inputs.map((input, i) => {
    try {
      const fields = fieldsOf(env, input);
      refuseClash(fields, seen);
      seen.push({ ...fields, id: `#${i}` });
      return { ok: true };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { errors = [], route } = error.extra as { errors?: unknown[]; route?: unknown };
      return { ok: false, code: failureCodeOf(error), errors, ...(route !== undefined && { route }) };
    }
  });
}

/**
 * Replaces the key that vouches for callers to this route's target, for all of the operator's routes there. The old one signs
 * nothing more. Throws `route_unknown`, and `validation_failed` for a target that gets no assertions.
 */
export async function rotateIdentityKey(
  env: Env,
  operator: string,
  { id, reason }: { id: string; reason?: string | undefined },
  actor: Actor,
  now = new Date(),
): Promise<ShownKey> {
  const db = database(env);
  const rows = await allRoutes(db);
  const row = rowOf(rows, operator, id);
  const { keyKid, keyVersion } = newestKey(env, now);
  const next = { keyKid, keyVersion: Math.max(keyVersion, row.keyVersion + 1) };
  const shown = shownKey(env, { ...row, ...next });
  if (!shown) throw fail("validation_failed", { extra: { errors: [{ pointer: "/identity", code: "none" }] } });
  const siblings = rows.filter((other) => other.operator === operator && sameTarget(other, row));
  const entry = { action: "gateway_route.key_rotated", target: targetOf(row), reason, after: { kid: shown.kid } };
  await db.batch([
    rekeyRoutes(
      db,
      operator,
      siblings.map((sibling) => sibling.id),
      next,
    ),
    ...journal(db, operator, actor, entry, now),
  ]);
  forgetTable();
  return shown;
}

const ATTEMPTS = 10;

/** Saves into exactly the table that was checked: tries again where somebody else was faster. */
async function savedInto(
  env: Env,
  save: (rows: GatewayRoute[], stamp: string) => Promise<GatewayRoute | undefined>,
): Promise<GatewayRoute> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const rows = await allRoutes(database(env));
    const saved = await save(rows, stampOf(rows));
    if (!saved) continue;
    forgetTable();
    return saved;
  }
  throw fail("maintenance");
}

function refuseClash(fields: RouteFields, rows: readonly (RouteFields & { id: string })[]): void {
  const clash = clashOf(fields, rows);
  if (!clash) return;
  const errors = [{ pointer: "/pattern", code: "overlaps", message: `overlaps ${clash.pattern}`, route: clash.id }];
  throw fail("route_overlaps", { extra: { route: clash.id, errors } });
}

function rowOf(rows: readonly GatewayRoute[], operator: string, id: string): GatewayRoute {
  const row = rows.find((each) => each.operator === operator && each.id === id);
  if (!row) throw fail("route_unknown");
  return row;
}

const targetOf = ({ id }: GatewayRoute) => ({ kind: "gateway_route", id });

const audienceOf = ({ provider }: Pick<GatewayRoute, "provider">) => {
  const parsed = providerOf(provider);
  return parsed ? audienceOfTarget(parsed) : null;
};

const sameTarget = (a: Pick<GatewayRoute, "provider">, b: Pick<GatewayRoute, "provider">): boolean =>
  audienceOf(a) === audienceOf(b);

/** The key that the operator's routes to that target have, else a new one. */
function keyFor(env: Env, operator: string, fields: RouteFields, rows: readonly GatewayRoute[], now: Date) {
  const known = rows.find((row) => row.operator === operator && sameTarget(row, fields) && shownKey(env, row));
  return known ?? newestKey(env, now);
}

function shownKey(env: Env, row: GatewayRoute): ShownKey | null {
  const audience = audienceOf(row);
  const made = audience !== null && row.identity === "jws" ? identityKey(env, row, audience) : undefined;
  return made ? { kid: made.kid, key: Buffer.from(made.key).toString("base64") } : null;
}

/** The view's members that an input has, with the patch over them. */
function merged(view: RouteView, patch: Record<string, unknown>): Record<string, unknown> {
  const { id: _id, operator: _operator, created_at: _at, version: _version, ...fields } = view;
  return Object.fromEntries(Object.entries({ ...fields, ...patch }).filter(([, value]) => value !== null));
}
