import { and, asc, eq, isNotNull, type SQL, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { jsonParts } from "#platform/json-parts.ts";
import { devices } from "../tables.ts";
import { type Place, places } from "./tables.ts";

export type Kind = Place["kind"];

export interface Point {
  latitude: string;
  longitude: string;
}

/** What lies directly in a place, by name. */
export function placesIn(db: Db, operator: string, kind: Kind, parent: number) {
  return db
    .select()
    .from(places)
    .where(and(eq(places.operator, operator), eq(places.kind, kind), eq(places.parent, parent)))
    .orderBy(asc(places.name))
    .all();
}

export function townsOf(db: Db, operator: string) {
  return db
    .select()
    .from(places)
    .where(and(eq(places.operator, operator), eq(places.kind, "location")))
    .orderBy(asc(places.name))
    .all();
}

/** Every place, towns before streets before houses. */
export function allPlaces(db: Db, operator: string) {
  return db.select().from(places).where(eq(places.operator, operator)).orderBy(asc(places.id)).all();
}

/** A place and those that it lies in, from the town down. */
export function placeWithParents(db: Db, operator: string, id: number) {
  return db.all<Pick<Place, "id" | "kind" | "name" | "type">>(sql`
    WITH RECURSIVE up (id, kind, name, type, parent, height) AS (
      SELECT id, kind, name, type, parent, 0 FROM places WHERE id = ${id} AND +operator = ${operator}
      UNION ALL
      SELECT p.id, p.kind, p.name, p.type, p.parent, height + 1 FROM up CROSS JOIN places AS p ON p.id = up.parent
    )
    SELECT id, kind, name, type FROM up ORDER BY height DESC`);
}

export function houseById(db: Db, operator: string, id: number) {
  return db
    .select()
    .from(places)
    .where(and(eq(places.id, id), eq(compared(places.operator), operator), eq(places.kind, "house")))
    .get();
}

/** The places whose folded address is one of these, with coordinates of their own, the most exact first. */
export function placesCalled(db: Db, operator: string, addresses: readonly string[]) {
  return db
    .select({ kind: places.kind, latitude: places.latitude, longitude: places.longitude })
    .from(places)
    .where(
      and(
        eq(places.operator, operator),
        sql`${places.search} IN (SELECT value FROM json_each(${JSON.stringify(addresses)}))`,
        isNotNull(places.latitude),
        isNotNull(places.longitude),
      ),
    )
    .orderBy(sql`length(${places.search}) DESC`)
    .limit(1);
}

/** Some house with coordinates in a street that is called so: where the street is, more or less. */
export function houseOfStreet(db: Db, operator: string, addresses: readonly string[]) {
  return db
    .select({ latitude: places.latitude, longitude: places.longitude })
    .from(places)
    .where(
      and(
        isNotNull(places.latitude),
        isNotNull(places.longitude),
        sql`${places.parent} IN (SELECT s.id FROM ${places} AS s WHERE s.operator = ${operator} AND +s.kind = 'street'
          AND s.search IN (SELECT value FROM json_each(${JSON.stringify(addresses)})))`,
      ),
    )
    .limit(1);
}

const located = (column: SQL | typeof devices.latitude) => sql`${column} IS NOT NULL`;

/** Where a device hangs whose address is written exactly so. */
export function deviceAt(db: Db, operator: string, address: string) {
  return db
    .select({ latitude: devices.latitude, longitude: devices.longitude })
    .from(devices)
    .where(
      and(
        eq(devices.operator, operator),
        eq(devices.address, address),
        located(devices.latitude),
        sql`${devices.longitude} IS NOT NULL`,
      ),
    )
    .limit(1);
}

/** Some device that says where it hangs. */
export function anyDevice(db: Db, operator: string) {
  return db
    .select({ latitude: devices.latitude, longitude: devices.longitude })
    .from(devices)
    .where(and(eq(devices.operator, operator), isNotNull(devices.latitude), isNotNull(devices.longitude)))
    .limit(1);
}

/** The first town that says where it is. */
export function firstTown(db: Db, operator: string) {
  return db
    .select({ latitude: places.latitude, longitude: places.longitude })
    .from(places)
    .where(and(eq(places.operator, operator), eq(places.kind, "location"), isNotNull(places.latitude)))
    .orderBy(asc(places.id))
    .limit(1);
}

/** One place as it is told to us. What it lies in is named by folded address and type. */
export interface ToldPlace {
  kind: Kind;
  parent: Pick<ToldPlace, "search" | "type"> | null;
  name: string;
  type: string;
  search: string;
  latitude: string | null;
  longitude: string | null;
  services: string[];
}

/** What is usual is left out of the JSON: there may be a hundred thousand houses. */
const rowOf = ({ kind, parent, name, type, search, latitude, longitude, services }: ToldPlace) => ({
  ...{ kind, name, search, ...(type && { type }), ...(parent && { of: parent.search, ofType: parent.type }) },
  ...(latitude !== null && { latitude }),
  ...(longitude !== null && { longitude }),
  ...(services.length > 0 && { services }),
});

/** A part of the told places as rows. Their parents must be there already. */
const told = (part: string, operator: string): SQL => sql`(
  SELECT value ->> 'kind' AS kind, value ->> 'name' AS name, coalesce(value ->> 'type', '') AS type, value ->> 'search' AS search,
    value ->> 'latitude' AS latitude, value ->> 'longitude' AS longitude, coalesce(value -> 'services', '[]') AS services,
    (SELECT id FROM places AS p WHERE p.operator = ${operator} AND p.search = value ->> 'of'
      AND p.type = value ->> 'ofType' AND p.kind = iif(value ->> 'kind' = 'house', 'street', 'location')) AS parent
  FROM json_each(${part}))`;

/**
 * Which row `p` a told place `t` is. Two streets of one name may be of different types; two houses of one address may stand in
 * them. The row is found by its address: by nothing else are there as few.
 */
const isSame = (operator: string): SQL => sql`p.operator = ${operator} AND p.search = t.search
  AND +p.kind = t.kind AND +p.type = t.type AND +p.parent IS t.parent`;

/** Writes places of one kind: those that are new, and what is told of those that are known, which keep their numbers. */
export function writePlaces(db: Db, operator: string, list: readonly ToldPlace[]) {
  return jsonParts(list.map(rowOf)).map((part) =>
    db
      .insert(places)
      .select(
        sql`SELECT p.id, ${operator}, t.kind, t.parent, t.name, t.type, t.search, t.latitude, t.longitude, t.services
        FROM ${told(part, operator)} AS t LEFT JOIN places AS p ON ${isSame(operator)} WHERE true`,
      )
      .onConflictDoUpdate({
        target: places.id,
        set: {
          ...{ name: sql`excluded.name`, services: sql`excluded.services` },
          latitude: sql`coalesce(excluded.latitude, places.latitude)`,
          longitude: sql`coalesce(excluded.longitude, places.longitude)`,
        },
      }),
  );
}

/** Deletes the places that are not among the told ones, with all that lies in them. */
export function deleteOtherPlaces(db: Db, operator: string, list: readonly ToldPlace[]) {
  const named = jsonParts(list.map(rowOf)).map(
    (part) =>
      sql`id NOT IN (SELECT p.id FROM ${told(part, operator)} AS t CROSS JOIN places AS p ON ${isSame(operator)})`,
  );
  return db.delete(places).where(and(eq(places.operator, operator), ...named));
}
