import { and, asc, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type GatewayRoute, gatewayRoutes } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

/** The whole table: a request does not say whose route it takes before it has found one. */
export function allRoutes(db: Db) {
  return db.select().from(gatewayRoutes).orderBy(asc(gatewayRoutes.id)).all();
}

/** Names one state of the table, so that what was checked against it is saved only into it. */
export const stampOf = (rows: readonly GatewayRoute[]): string => rows.map(({ id, ver }) => `${id}:${ver}`).join();

const unchangedSince = (stamp: string): SQL =>
  sql`(SELECT coalesce(group_concat(id || ':' || ver ORDER BY id), '') FROM gateway_routes) = ${stamp}`;

/** Adds a route, and nothing where the table is no longer as `stamp` names it. */
export function insertRoute(db: Db, route: GatewayRoute, stamp: string) {
  const { operator, id, pattern, provider, auth, identity, keyKid, keyVersion, stripPrefix, timeoutMs, ver } = route;
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
  return db
    .insert(gatewayRoutes)
    .select(
      sql`SELECT ${operator}, ${id}, ${json(route.methods)}, ${pattern}, ${provider}, ${auth}, ${json(route.kinds)},
        ${json(route.scopes)}, ${route.class}, ${json(route.policy)}, ${identity}, ${keyKid}, ${keyVersion},
        ${Number(route.passBearer)}, ${stripPrefix}, ${timeoutMs}, ${Number(route.enabled)}, ${route.createdAt.getTime()}, ${ver}
        WHERE ${unchangedSince(stamp)}`,
    )
    .returning({ id: gatewayRoutes.id });
}

/** Replaces a route, and nothing where the table is no longer as `stamp` names it. */
export function replaceRoute(db: Db, { operator, id, createdAt: _, ver, ...fields }: GatewayRoute, stamp: string) {
  return db
    .update(gatewayRoutes)
    .set({ ...fields, ver: ver + 1 })
    .where(
      and(
        eq(gatewayRoutes.operator, operator),
        eq(gatewayRoutes.id, id),
        eq(gatewayRoutes.ver, ver),
        unchangedSince(stamp),
      ),
    )
    .returning({ id: gatewayRoutes.id });
}

/** Gives the operator's routes to one target a new identity key. */
export function rekeyRoutes(
  db: Db,
  operator: string,
  ids: readonly string[],
  key: Pick<GatewayRoute, "keyKid" | "keyVersion">,
) {
  return db
    .update(gatewayRoutes)
    .set({ ...key, ver: sql`${gatewayRoutes.ver} + 1` })
    .where(
      and(
        eq(gatewayRoutes.operator, operator),
        inArray(gatewayRoutes.id, sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`),
      ),
    )
    .returning({ id: gatewayRoutes.id });
}

export function removeRoute(db: Db, operator: string, id: string, ver: number) {
  return db
    .delete(gatewayRoutes)
    .where(and(eq(gatewayRoutes.operator, operator), eq(gatewayRoutes.id, id), eq(gatewayRoutes.ver, ver)))
    .returning({ id: gatewayRoutes.id });
}
