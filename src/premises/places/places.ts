import { type Env, settings } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { fold } from "./fold.ts";
import {
  allPlaces,
  deleteOtherPlaces,
  houseById,
  placesIn,
  placeWithParents,
  type ToldPlace,
  townsOf,
  writePlaces,
} from "./queries.ts";
import type { Place } from "./tables.ts";

// Where the operator has a network: what somebody chooses from who adds an address.

/** What can be connected, by the names of the apps' icons. */
export const SERVICES = ["internet", "iptv", "ctv", "phone", "cctv", "domophone", "gsm"] as const;
export type Service = (typeof SERVICES)[number];

/** Numbers of houses as people count: 2 before 10, 10 before 10а. */
const byNumber = (a: Place, b: Place) => a.name.localeCompare(b.name, "ru", { numeric: true });

export function listTowns(env: Env): Promise<Place[]> {
  return townsOf(database(env), settings(env).OPERATOR);
}

export function listStreets(env: Env, town: number): Promise<Place[]> {
  return placesIn(database(env), settings(env).OPERATOR, "street", town);
}

export async function listHouses(env: Env, street: number): Promise<Place[]> {
  const houses = await placesIn(database(env), settings(env).OPERATOR, "house", street);
  return houses.toSorted(byNumber);
}

/** What can be connected in a house; nothing in one that is not known. */
export async function servicesOf(env: Env, house: number): Promise<Service[]> {
  const row = await houseById(database(env), settings(env).OPERATOR, house);
  return SERVICES.filter((service) => row?.services.includes(service));
}

/** A house's or street's address as one line: `Тула, улица Мира, 3`. Throws `not_found`. */
export async function addressOf(env: Env, place: number, kind: "house" | "street"): Promise<string> {
  const line = await placeWithParents(database(env), settings(env).OPERATOR, place);
  if (line.at(-1)?.kind !== kind) throw new AppError("not_found", "There is no such place");
  return line.map(({ type, name }) => [type, name].filter(Boolean).join(" ")).join(", ");
}

/** Each after what it lies in. */
const KINDS = ["location", "street", "house"] as const;
/** Of a part of the places each; the deletion binds some parameters for each part, and may have a hundred. */
const MOST_STATEMENTS = 30;

interface Located {
  latitude?: string | null | undefined;
  longitude?: string | null | undefined;
}

export interface Town extends Located {
  name: string;
  streets: {
    name: string;
    /** улица, переулок, … */
    type: string;
    houses: ({ number: string; services: Service[] } & Located)[];
  }[];
}

/**
 * Writes these towns, streets and houses. Known ones keep their numbers: they are the same when their addresses fold to the
 * same. With `replace` what is not named disappears; without it, it stays.
 */
export async function changePlaces(env: Env, towns: readonly Town[], { replace }: { replace: boolean }): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const list = toldPlaces(towns);
  const of = (kind: Place["kind"]) => list.filter((place) => place.kind === kind);
  const [first, ...rest] = KINDS.flatMap((kind): Statement[] => writePlaces(db, OPERATOR, of(kind)));
  if (rest.length + 2 > MOST_STATEMENTS) throw new AppError("too_large", "Too many places for one call");
  await db.batch([first!, ...rest, ...(replace ? [deleteOtherPlaces(db, OPERATOR, list)] : [])]);
}

function toldPlaces(towns: readonly Town[]): ToldPlace[] {
  const list = towns.flatMap(({ name, streets, ...point }) => {
    const town = placeOf({ kind: "location", parent: null, name }, point);
    return [town, ...streets.flatMap((street) => streetPlaces(town, street))];
  });
  return [...new Map(list.map((place) => [keyOf(place), place])).values()];
}

const keyOf = ({ kind, type, search, parent }: ToldPlace) => [kind, type, search, parent?.type].join("|");

function streetPlaces(town: ToldPlace, { name, type, houses }: Town["streets"][number]): ToldPlace[] {
  const street = placeOf({ kind: "street", parent: town, name, type }, {});
  const inside = houses.map(({ number, services, ...point }) => ({
    ...placeOf({ kind: "house", parent: street, name: number }, point),
    services,
  }));
  return [street, ...inside];
}

interface Named extends Pick<ToldPlace, "kind" | "parent" | "name"> {
  type?: string;
}

function placeOf({ kind, parent, name, type = "" }: Named, { latitude, longitude }: Located): ToldPlace {
  // With its type a street may be called what is otherwise a kind of street.
  const own = fold(kind === "street" ? `${type} ${name}` : name);
  const search = [parent?.search, own].filter(Boolean).join(" ");
  if (own === "") throw new AppError("invalid", `${name} is no name of a place`);
  const inside = parent && { search: parent.search, type: parent.type };
  const point = { latitude: latitude ?? null, longitude: longitude ?? null };
  return { kind, parent: inside, name, type, search, ...point, services: [] };
}

export interface ListedTown extends Place {
  streets: (Place & { houses: Place[] })[];
}

/** Everything, as a tree. */
export async function placeTree(env: Env): Promise<ListedTown[]> {
  const all = await allPlaces(database(env), settings(env).OPERATOR);
  const inside = Map.groupBy(all, ({ parent }) => parent);
  const of = (place: Place) => inside.get(place.id) ?? [];
  return (inside.get(null) ?? []).map((town) => ({
    ...town,
    streets: of(town).map((street) => ({ ...street, houses: of(street).toSorted(byNumber) })),
  }));
}
