import { Hono } from "hono";
import * as z from "zod";
import { AppError } from "#platform/errors.ts";
import { body } from "#platform/http.ts";
import { locate } from "#premises/places/coder.ts";
import {
  addressOf,
  listHouses,
  listStreets,
  listTowns,
  SERVICES,
  type Service,
  servicesOf,
} from "#premises/places/places.ts";
import { describe, ok, okOrEmpty, type ResidentEnv, signedIn } from "./envelope.ts";
import { type Language, languageOf } from "./texts.ts";
import { Flag, flag, Id } from "./wire.ts";

/** POST /api/geo/…: where somebody may have an address connected (docs/contracts.md, "The apps"). */
export const geo = new Hono<ResidentEnv>();

const Town = z.object({ locationId: z.string(), name: z.string(), locationName: z.string() });

geo.post("/getAllLocations", describe("Towns", z.array(Town)), signedIn("edge"), async (c) => {
  const towns = await listTowns(c.env);
  return ok(
    c,
    towns.map(({ id, name }): z.input<typeof Town> => ({ locationId: String(id), name, locationName: name })),
  );
});

const Street = z.object({ streetId: z.string(), name: z.string(), type: z.string() });
const InTown = z.object({ locationId: Id });

geo.post("/getStreets", describe("A town's streets", z.array(Street)), signedIn("edge"), body(InTown), async (c) => {
  const streets = await listStreets(c.env, c.req.valid("json").locationId);
  return ok(
    c,
    streets.map(({ id, name, type }): z.input<typeof Street> => ({ streetId: String(id), name, type })),
  );
});

const House = z.object({ houseId: z.string(), number: z.string() });
const InStreet = z.object({ streetId: Id });

geo.post("/getHouses", describe("A street's houses", z.array(House)), signedIn("edge"), body(InStreet), async (c) => {
  const houses = await listHouses(c.env, c.req.valid("json").streetId);
  return ok(
    c,
    houses.map(({ id, name }): z.input<typeof House> => ({ houseId: String(id), number: name })),
  );
});

const Offer = z.object({
  icon: z.string(),
  title: z.string(),
  description: z.string(),
  byDefault: Flag,
  canChange: Flag,
});
const InHouse = z.object({ houseId: Id });

const offers = describe("What a house may have", z.array(Offer));
geo.post("/getServices", offers, signedIn("edge"), body(InHouse), async (c) => {
  const services = await servicesOf(c.env, c.req.valid("json").houseId);
  return okOrEmpty(c, services.map(offerIn(languageOf(c))));
});

geo.post("/getAllServices", describe("All there is", z.array(Offer)), signedIn("edge"), (c) =>
  ok(c, SERVICES.map(offerIn(languageOf(c)))),
);

const TEXTS: Record<Service, Record<Language, readonly [title: string, description: string]>> = {
  internet: { ru: ["Интернет", "Домашний интернет"], en: ["Internet", "Internet at home"] },
  iptv: { ru: ["Цифровое ТВ", "Телевидение через интернет"], en: ["Digital TV", "Television over the internet"] },
  ctv: { ru: ["Кабельное ТВ", "Кабельное телевидение"], en: ["Cable TV", "Television by cable"] },
  phone: { ru: ["Телефон", "Домашний телефон"], en: ["Telephone", "Telephone at home"] },
  cctv: {
    ru: ["Видеонаблюдение", "Камеры во дворе и подъезде"],
    en: ["Cameras", "Cameras in the yard and the entrance"],
  },
  domophone: { ru: ["Домофон", "Умный домофон"], en: ["Intercom", "A smart intercom"] },
  gsm: { ru: ["Мобильная связь", "Мобильная связь и интернет"], en: ["Mobile", "Mobile telephone and internet"] },
};

/** What a house has in common comes with it; the rest is each flat's own choice. */
const COMMON: ReadonlySet<Service> = new Set(["domophone", "cctv"]);

const offerIn =
  (language: Language) =>
  (service: Service): z.input<typeof Offer> => {
    const [title, description] = TEXTS[service][language];
    const isCommon = COMMON.has(service);
    return { icon: service, title, description, byDefault: flag(isCommon), canChange: flag(!isCommon) };
  };

const optionalId = z.union([Id, z.literal("")]).nullish();
const Place = z.object({ houseId: optionalId, streetId: optionalId });
const Address = z.union([z.object({ address: z.string() }), z.string()]);

// The apps disagree: iOS asks by a house and reads an object, Android asks by a street and reads a text.
geo.post("/address", describe("A place as one line", Address), signedIn("edge"), body(Place), async (c) => {
  const { houseId, streetId } = c.req.valid("json");
  if (houseId) return ok(c, { address: await addressOf(c.env, houseId, "house") });
  if (!streetId) throw new AppError("invalid", "houseId or streetId is needed");
  return ok(c, await addressOf(c.env, streetId, "street"));
});

const Found = z.object({ lat: z.string(), lon: z.string(), address: z.string() });
const Wanted = z.object({
  address: z
    .string()
    .trim()
    .min(1)
    .transform((text) => text.slice(0, 300)),
});

geo.post("/coder", describe("Where an address is", Found), signedIn("edge"), body(Wanted), async (c) => {
  const { address } = c.req.valid("json");
  const { latitude: lat, longitude: lon } = await locate(c.env, address);
  return ok(c, { lat, lon, address });
});
