import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { fold } from "#premises/places/fold.ts";
import { addDevice } from "#premises/registry.ts";
import { bill, DONE, json, said } from "../inventory/bill.ts";
import { aPhone, aResident, envWith, mobile, outside } from "../support/world.ts";

/** A town that nobody else has, with two streets of one name and three houses. */
async function aTown() {
  const name = `Город${aPhone()}`;
  const services = ["cctv", "internet", "domophone"];
  const houses = [
    { number: "10", latitude: "54.10", longitude: 37.1, services },
    { number: "2", latitude: 54.2, longitude: 37.2, services: [] },
    { number: "10а", latitude: 54.3, longitude: "37.3" },
  ];
  const streets = [
    { name: "Мира", type: "улица", houses },
    { name: "Мира", type: "переулок", houses: [{ number: "1", latitude: 54.4, longitude: 37.4 }] },
    { name: "Пустая", type: "улица" },
  ];
  const town = { name, latitude: 54.5, longitude: 37.5, streets };
  expect(await said("places_update/", { locations: [town] })).toEqual(DONE);
  return town;
}

// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
const data = async (method: string, body: unknown, token: string, environment: Env = env): Promise<any> => {
  const response = await mobile(`geo/${method}`, body, { token, env: environment });
  expect([method, response.status]).toEqual([method, 200]);
  return (await response.json<{ data: unknown }>()).data;
};

async function idsOf(name: string, token: string) {
  const towns = await data("getAllLocations", undefined, token);
  const { locationId } = towns.find((town: { name: string }) => town.name === name);
  const streets = await data("getStreets", { locationId }, token);
  const { streetId } = streets.find(({ type }: { type: string }) => type === "улица");
  const houses = await data("getHouses", { streetId: Number(streetId) }, token);
  return { locationId, streets, streetId, houses };
}

test("Towns, their streets and their houses are listed with text ids, houses as people count", async () => {
  outside();
  const [{ name }, { token }] = [await aTown(), await aResident()];
  const { locationId, streets, houses } = await idsOf(name, token);
  expect(locationId).toMatch(/^\d+$/);
  const id = expect.stringMatching(/^\d+$/);
  expect(streets).toHaveLength(3);
  expect(streets).toEqual(
    expect.arrayContaining([
      { streetId: id, name: "Мира", type: "улица" },
      { streetId: id, name: "Мира", type: "переулок" },
      { streetId: id, name: "Пустая", type: "улица" },
    ]),
  );
  expect(houses).toEqual(["2", "10", "10а"].map((number) => ({ houseId: id, number })));
});

test("Empty lists are lists, because Android takes 204 for an error", async () => {
  outside();
  const [{ name }, { token }] = [await aTown(), await aResident()];
  const { streets } = await idsOf(name, token);
  const empty = streets.find((street: { name: string }) => street.name === "Пустая");
  expect(await data("getHouses", { streetId: empty.streetId }, token)).toEqual([]);
  expect(await data("getStreets", { locationId: "999999999" }, token)).toEqual([]);
  expect(await data("getHouses", { streetId: 999_999_999 }, token)).toEqual([]);
});

test("A house's services say what is its own and what may be chosen; without any there is no network", async () => {
  outside();
  const [{ name }, { token }] = [await aTown(), await aResident()];
  const { houses } = await idsOf(name, token);
  const services = await data("getServices", { houseId: houses[1].houseId }, token);
  expect(services).toEqual([
    { icon: "internet", title: "Интернет", description: "Домашний интернет", byDefault: "f", canChange: "t" },
    { icon: "cctv", title: "Видеонаблюдение", description: expect.any(String), byDefault: "t", canChange: "f" },
    { icon: "domophone", title: "Домофон", description: expect.any(String), byDefault: "t", canChange: "f" },
  ]);
  const english = await mobile(
    "geo/getServices",
    { houseId: houses[1].houseId },
    { token, headers: { "accept-language": "en" } },
  );
  expect((await english.json<{ data: [{ title: string }] }>()).data[0].title).toBe("Internet");
  for (const houseId of [houses[0].houseId, "999999999"]) {
    expect((await mobile("geo/getServices", { houseId }, { token })).status).toBe(204);
  }
  expect(await data("getAllServices", undefined, token)).toHaveLength(7);
});

test("geo/address answers a house as iOS reads it and a street as Android does", async () => {
  outside();
  const [{ name }, { token }] = [await aTown(), await aResident()];
  const { houses, streetId, locationId } = await idsOf(name, token);
  expect(await data("address", { houseId: houses[1].houseId }, token)).toEqual({ address: `${name}, улица Мира, 10` });
  expect(await data("address", { streetId: Number(streetId) }, token)).toBe(`${name}, улица Мира`);
  expect((await mobile("geo/address", { houseId: locationId }, { token })).status).toBe(404);
  expect((await mobile("geo/address", {}, { token })).status).toBe(422);
});

test("The coder knows our houses, however they are written", async () => {
  const world = outside();
  const [{ name }, { token }] = [await aTown(), await aResident()];
  const geocoded = envWith({ GEOCODER_URL: "https://geo.example.net/search" });
  for (const address of [`${name}, Мира 10`, `Тульская обл., г. ${name}, ул. Мира, д. 10, кв. 8`, `${name} МИРА 10`]) {
    expect(await data("coder", { address }, token, geocoded)).toEqual({ lat: "54.10", lon: "37.1", address });
  }
  expect(await data("coder", { address: `${name}, ул. Мира, 10 А` }, token, geocoded)).toMatchObject({ lat: "54.3" });
  expect(world.asked).toEqual([]);
});

test("The coder knows where a device hangs", async () => {
  outside();
  const { token } = await aResident();
  const address = `г. Тула, ул. ${aPhone()}, д. 1`;
  await addDevice(env, { type: 1, title: "Двор", address, latitude: "54.7", longitude: "37.7" });
  expect(await data("coder", { address }, token)).toEqual({ lat: "54.7", lon: "37.7", address });
});

test("The coder asks the operator's geocoder for an address of which we have only the street", async () => {
  const world = outside(() => Response.json([{ lat: "55.75", lon: 37.61 }]));
  const [{ name }, { token }] = [await aTown(), await aResident()];
  const address = `${name}, ул. Мира, 77`;
  const geocoded = envWith({ GEOCODER_URL: "https://geo.example.net/search?key=a" });
  expect(await data("coder", { address }, token, geocoded)).toEqual({ lat: "55.75", lon: "37.61", address });
  const asked = new URL(world.asked[0]!.url);
  expect(asked.origin + asked.pathname).toBe("https://geo.example.net/search");
  expect(Object.fromEntries(asked.searchParams)).toEqual({ key: "a", q: address, format: "jsonv2", limit: "1" });
});

test.each([
  ["finds nothing", () => Response.json([])],
  ["fails", () => new Response("busy", { status: 503 })],
  ["makes no sense", () => Response.json({ lat: 1 })],
  ["answers a page", () => new Response("<html>")],
  ["redirects elsewhere", () => Response.redirect("http://169.254.169.254/")],
  ["answers without end", () => new Response("[".repeat(100_000))],
  ["does not answer", () => Promise.reject(new TypeError("no route"))],
])("Where the geocoder %s, the street or the town is near enough", async (_, answer) => {
  const world = outside(answer);
  const [{ name }, { token }] = [await aTown(), await aResident()];
  const geocoded = envWith({ GEOCODER_URL: "https://geo.example.net/search" });
  expect(await data("coder", { address: `${name}, пер. Мира, 77` }, token, geocoded)).toMatchObject({
    lat: expect.stringMatching(/^54\.[1-4]/),
  });
  expect(await data("coder", { address: `${name}, ул. Лесная, 1` }, token, geocoded)).toMatchObject({ lat: "54.5" });
  expect(await data("coder", { address: "Берлин, Александерплац" }, token, geocoded)).toMatchObject({
    lat: expect.any(String),
  });
  expect(world.asked.map(({ url }) => new URL(url).host)).toEqual(Array(3).fill("geo.example.net"));
});

test("An operator that has told of no places is where its office is, or its cameras; without either nobody knows", async () => {
  outside();
  const { locate } = await import("#premises/places/coder.ts");
  const OPERATOR = `geo${aPhone()}`;
  const OFFICES = JSON.stringify([{ lat: 54.19, lon: 37.61, address: "Мира, 1", opening: "10–19" }]);
  expect(await locate(envWith({ OPERATOR, OFFICES }), "Луна")).toEqual({ latitude: "54.19", longitude: "37.61" });
  await expect(locate(envWith({ OPERATOR }), "Луна")).rejects.toMatchObject({ code: "not_found" });
  const camera = { type: 1, title: "Двор", address: "Марс", latitude: "54.5", longitude: "37.5" };
  await addDevice(envWith({ OPERATOR }), camera);
  expect(await locate(envWith({ OPERATOR }), "Луна")).toEqual({ latitude: "54.5", longitude: "37.5" });
});

interface Listed {
  name: string;
  streets: { houses: { id: number; number: string; services: string[] }[] }[];
}

test("A street may be called what other streets are", async () => {
  const world = outside();
  const [name, { token }] = [`Наб${aPhone()}`, await aResident()];
  const houses = [{ number: "3", latitude: 54.77, longitude: 37.77 }];
  const streets = [{ name: "Набережная", type: "улица", houses }];
  expect((await bill("places_update/", { locations: [{ name, streets }] })).status).toBe(200);
  expect(await data("coder", { address: `${name}, ул. Набережная, д. 3` }, token)).toMatchObject({ lat: "54.77" });
  expect(world.asked).toEqual([]);
});

test("A city of many houses is written in parts that D1 takes, and as one", async () => {
  const OPERATOR = `city${aPhone()}`;
  const own = envWith({ OPERATOR });
  const houses = Array.from({ length: 9_000 }, (_, i) => ({ number: `${i + 1}` }));
  const streets = [{ name: `Очень длинное имя улицы, ${"которое ".repeat(8)}`, type: "улица", houses }];
  const update = (locations: object[]) => bill("places_update/", { locations, replace: true }, { env: own });
  const count = async () =>
    (await env.DB.prepare("SELECT count(*) AS n, sum(id) AS ids FROM places WHERE operator = ?")
      .bind(OPERATOR)
      .first())!;
  const bound: unknown[] = [];
  const watched = {
    prepare: (sql: string) => watchedStatement(env.DB.prepare(sql), bound),
    batch: env.DB.batch.bind(env.DB),
  };
  expect(
    (
      await bill(
        "places_update/",
        { locations: [{ name: "Тула", streets }] },
        { env: envWith({ OPERATOR, DB: watched }) },
      )
    ).status,
  ).toBe(200);
  const texts = bound.filter((value) => typeof value === "string").map((text) => Buffer.byteLength(text));
  expect(Math.max(...texts)).toBeLessThan(2_000_000);
  expect(texts.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(2_000_000);
  const before = await count();
  expect(before.n).toBe(9_002);
  expect((await update([{ name: "Тула", streets }])).status).toBe(200);
  expect(await count()).toEqual(before);
  expect((await update([{ name: "Тула", streets: [{ ...streets[0], houses: houses.slice(4_000) }] }])).status).toBe(
    200,
  );
  expect(await count()).toMatchObject({ n: 5_002 });
});

/** Notes what is bound; a batch gets the statement itself. */
function watchedStatement(statement: D1PreparedStatement, bound: unknown[]) {
  const bind = statement.bind.bind(statement);
  return Object.assign(statement, {
    bind: (...values: unknown[]) => {
      bound.push(...values);
      return bind(...values);
    },
  });
}

test("Places that are told again keep their numbers, and with `replace` what is not told goes", async () => {
  const OPERATOR = `places${aPhone()}`;
  const own = envWith({ OPERATOR });
  const update = (body: object) => bill("places_update/", body, { env: own });
  const tree = async () =>
    (await (await bill("places_list/", undefined, { env: own })).json<{ locations: Listed[] }>()).locations;
  const house = (number: string, services: string[] = []) => ({ number, services });
  const town = (houses: object[]) => ({ name: "Тула", streets: [{ name: "Мира", type: "улица", houses }] });
  await update({ locations: [town([house("1"), house("2")]), { name: "Алексин" }] });
  const [before] = await tree();
  expect(before).toMatchObject({ name: "Тула", streets: [{ houses: [{ number: "1" }, { number: "2" }] }] });
  await update({ locations: [town([house("д. 2", ["iptv"]), house("3")])] });
  const [after, aleksin] = await tree();
  expect(aleksin!.name).toBe("Алексин");
  expect(after!.streets).toHaveLength(1);
  expect(after!.streets[0]!.houses.map(({ number }) => number).toSorted()).toEqual(["1", "3", "д. 2"]);
  const known = after!.streets[0]!.houses.find(({ number }) => number === "д. 2");
  expect(known).toMatchObject({ id: before!.streets[0]!.houses[1]!.id, services: ["iptv"] });
  await update({ locations: [town([house("2")])], replace: true });
  const left = await tree();
  expect(left).toHaveLength(1);
  expect(left[0]!.streets[0]!.houses).toMatchObject([{ id: known!.id, number: "2" }]);
});

test.each([
  [{}],
  [{ locations: "Тула" }],
  [{ locations: [{ name: "" }] }],
  [{ locations: [{ name: "г." }] }],
  [{ locations: [{ name: "Тула", latitude: 91, longitude: 0 }] }],
  [{ locations: [{ name: "Тула", streets: [{ name: "Мира", houses: [{ number: "1", services: ["steam"] }] }] }] }],
])("places_update/ refuses %o", async (body) => {
  expect((await bill("places_update/", body)).status).toBe(422);
  expect((await json("places_update/", body)).code).toBe(422);
});

test.each([
  ["г. Тула, ул. Мира, д. 3", "тула мира 3"],
  ["Тула,  улица МИРА, дом 3 А", "тула мира 3а"],
  ["пр-т Ленина, 5 корп. 2", "ленина 5 к 2"],
  ["Тула, ул. Набережная, 3", "тула набережная 3"],
  ["Тула, Набережная улица, 3", "тула набережная 3"],
  ["Тула, Упинская набережная, 3", "тула упинская 3"],
  ["пос. Зелёный Гай, пер. 1-й Полевой, 7/1", "зеленый гай 1й полевой 7/1"],
])("%s folds to %s", (address, folded) => {
  expect(fold(address)).toBe(folded);
});

test.each(["getAllLocations", "getStreets", "getHouses", "getServices", "getAllServices", "address", "coder"])(
  "Defect 29: geo/%s needs a token",
  async (method) => {
    outside();
    const body = { locationId: 1, streetId: 1, houseId: 1, address: "Тула" };
    expect((await mobile(`geo/${method}`, body)).status).toBe(422);
    expect((await mobile(`geo/${method}`, body, { token: "unknown" })).status).toBe(401);
  },
);

test.each([
  ["getStreets", undefined],
  ["getStreets", { locationId: "Тула" }],
  ["getHouses", { streetId: -1 }],
  ["getServices", { houseId: 1e20 }],
  ["coder", undefined],
  ["coder", { address: "" }],
  ["coder", { address: ["Тула"] }],
])("geo/%s with %o is refused", async (method, body) => {
  outside();
  const { token } = await aResident();
  expect((await mobile(`geo/${method}`, body, { token })).status).toBe(422);
});
