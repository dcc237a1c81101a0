import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { changePlaces, placeTree, SERVICES, type Town } from "#premises/places/places.ts";
import { describe, done, fields } from "./envelope.ts";
import { degrees, Flag, optional, Text } from "./fields.ts";

/** POST /bill/api/places_*: towns, streets and houses in which the operator has a network. */
export const places = new Hono<AppEnv>();

const Name = Text.pipe(z.string().trim().min(1).max(100));
const latitude = optional(degrees(90));
const longitude = optional(degrees(180));

const House = z.object({ number: Name, latitude, longitude, services: z.array(z.enum(SERVICES)).nullish() });
const Street = z.object({ name: Name, type: optional(Name), houses: z.array(House).nullish() });
const Location = z.object({ name: Name, latitude, longitude, streets: z.array(Street).nullish() });
const Places = z.object({ locations: z.array(Location), replace: Flag.nullish() });

places.post("/places_update/", describe("Write towns, streets and houses"), fields(Places), async (c) => {
  const { locations, replace } = c.req.valid("json");
  await changePlaces(c.env, locations.map(townOf), { replace: replace ?? false });
  return done(c);
});

const townOf = ({ streets, ...town }: z.output<typeof Location>): Town => ({
  ...town,
  streets: (streets ?? []).map(({ name, type, houses }) => ({
    name,
    type: type ?? "",
    houses: (houses ?? []).map(({ services, ...house }) => ({ ...house, services: services ?? [] })),
  })),
});

const point = { latitude: z.string().nullable(), longitude: z.string().nullable() };
const Tree = z.object({
  locations: z.array(
    z.object({
      ...{ id: z.int(), name: z.string(), ...point },
      streets: z.array(
        z.object({
          ...{ id: z.int(), name: z.string(), type: z.string() },
          houses: z.array(z.object({ id: z.int(), number: z.string(), ...point, services: z.array(z.string()) })),
        }),
      ),
    }),
  ),
});

places.post("/places_list/", describe("List towns, streets and houses", Tree), async (c) => {
  const towns = await placeTree(c.env);
  const locations = towns.map(({ id, name, latitude, longitude, streets }) => ({
    ...{ id, name, latitude, longitude },
    streets: streets.map((street) => ({
      ...{ id: street.id, name: street.name, type: street.type },
      houses: street.houses.map(({ id, name: number, latitude, longitude, services }) => ({
        ...{ id, number, latitude, longitude, services },
      })),
    })),
  }));
  return c.json({ locations });
});
