import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { sweepSeeds } from "#gateway/seeds/sweep.ts";
import { aClient, aNumber } from "./gateway-world.ts";
import { age, anImsi, byOperator, type Given, keyed, numberOf, open, ping, sign, told } from "./seeds-world.ts";

const DAY_MS = 86_400_000;
const NOT_OWN_NUMBER = "403 not the number of this client";
const NOT_OWN_SEED = "403 not the seed of this client";

const register = (imsi: string, msisdn: string, given: Given) =>
  told("POST", "/seeds", { IMSI: imsi, MSISDN: msisdn }, given);

async function logOf(imsi: string): Promise<Record<string, unknown>[]> {
  const { results } = await env.DB.prepare(
    "SELECT msisdn, seed_type, client, address FROM gateway_seed_log WHERE imsi = ? ORDER BY at, rowid",
  )
    .bind(imsi)
    .all();
  return results;
}

test("Hole 20: nobody lists another's number, nor registers it", async () => {
  const [imsi, client, number] = [anImsi(), await aClient(), aNumber()];
  const headers = keyed(client);
  expect(await ping(imsi, number, { headers })).toBe(NOT_OWN_NUMBER);
  expect(await register(imsi, number, { headers })).toBe(NOT_OWN_NUMBER);
  expect(await ping(imsi, number, { headers, env: open() })).toBe(NOT_OWN_NUMBER);
  expect(await numberOf(imsi)).toBe("200 ");
});

test.each([
  ["with a plus", (number: string) => number],
  ["without", (number: string) => number.slice(1)],
  ["with two noughts", (number: string) => `00${number.slice(1)}`],
])("a client's own number is known %s, and listed with a plus", async (_, written) => {
  const [imsi, client] = [anImsi(), await aClient()];
  expect(await ping(imsi, written(client.msisdn), { headers: keyed(client) })).toMatch(/^200 /);
  expect(await numberOf(imsi)).toBe(`200 ${client.msisdn}`);
});

test("Hole 20: an open ping does not take a live seed's number or type, and no other client's seed", async () => {
  const [imsi, number, client] = [anImsi(), aNumber(), await aClient()];
  await ping(imsi, number, { env: open() }, "seeder");
  expect(await ping(imsi, aNumber(), { env: open() })).toMatch(/^200 /);
  expect(await register(imsi, aNumber(), { env: open() })).toMatch(/^200 /);
  expect(await numberOf(imsi)).toBe(`200 ${number}`);
  expect((await logOf(imsi)).length).toBe(3);
  const theirs = anImsi();
  await ping(theirs, client.msisdn, { headers: keyed(client) });
  const stranger = { env: open() };
  for (const ms of [0, DAY_MS - 10_000]) {
    await age(theirs, ms);
    expect(await ping(theirs, aNumber(), stranger)).toBe(NOT_OWN_SEED);
    expect(await register(theirs, client.msisdn, stranger)).toBe(NOT_OWN_SEED);
    expect(await sign(theirs, stranger)).toBe(NOT_OWN_SEED);
  }
  expect((await logOf(theirs)).length).toBe(1);
});

test("a seed that its owner has not pinged for a day is anybody's again", async () => {
  const [imsi, client, number] = [anImsi(), await aClient(), aNumber()];
  await ping(imsi, client.msisdn, { headers: keyed(client) });
  await age(imsi, DAY_MS + 1_000);
  expect(await ping(imsi, number, { env: open() })).toMatch(/^200 /);
  expect(await numberOf(imsi)).toBe(`200 ${number}`);
});

test("Hole 20: a client does not take another client's seed", async () => {
  const [imsi, client, other] = [anImsi(), await aClient(), await aClient()];
  await ping(imsi, client.msisdn, { headers: keyed(client) });
  expect(await ping(imsi, other.msisdn, { headers: keyed(other) })).toBe(NOT_OWN_SEED);
  expect(await sign(imsi, { headers: keyed(other) })).toBe(NOT_OWN_SEED);
  expect(await numberOf(imsi)).toBe(`200 ${client.msisdn}`);
});

test("Hole 20: a client takes a seed back that a stranger has squatted", async () => {
  const [imsi, client] = [anImsi(), await aClient()];
  await ping(imsi, aNumber(), { env: open() });
  expect(await sign(imsi, { headers: keyed(client) })).toBe(NOT_OWN_SEED);
  expect(await ping(imsi, client.msisdn, { headers: keyed(client) }, "seeder")).toMatch(/^200 /);
  expect(await numberOf(imsi)).toBe(`200 ${client.msisdn}`);
  expect(await sign(imsi, { headers: keyed(client) })).toBe("200 ");
});

test("Hole 21: a number that was wrong is corrected: once the seed has gone, or by its client, or by the operator", async () => {
  const [imsi, client, right] = [anImsi(), await aClient(), aNumber()];
  await ping(imsi, aNumber(), { env: open() });
  await age(imsi, 76_000);
  expect(await ping(imsi, right, { env: open() }, "seeder")).toMatch(/^200 /);
  expect(await numberOf(imsi)).toBe(`200 ${right}`);
  await ping(imsi, client.msisdn, { headers: keyed(client) });
  expect(await numberOf(imsi)).toBe(`200 ${client.msisdn}`);
  await register(imsi, right, { headers: byOperator });
  expect(await numberOf(imsi)).toBe(`200 ${right}`);
});

test("what the operator has said stays, until the client whose number it is comes", async () => {
  const [imsi, client, other] = [anImsi(), await aClient(), await aClient()];
  expect(await register(imsi, client.msisdn, { headers: byOperator })).toMatch(/^200 /);
  expect(await ping(imsi, aNumber(), { env: open() })).toBe(NOT_OWN_SEED);
  expect(await ping(imsi, other.msisdn, { headers: keyed(other) })).toBe(NOT_OWN_SEED);
  expect(await ping(imsi, client.msisdn, { headers: keyed(client) })).toMatch(/^200 /);
});

test("Holes 13, 20: the log tells who pinged, at first and whenever it is another or says other things", async () => {
  const [imsi, client, number] = [anImsi(), await aClient(), aNumber()];
  const at = (address: string, authorization = {}) => ({
    env: open(),
    headers: { "cf-connecting-ip": address, ...authorization },
  });
  await ping(imsi, number, at("192.0.2.1"));
  await ping(imsi, number, at("192.0.2.1"));
  await sign(imsi, at("192.0.2.1"));
  await register(imsi, number, at("192.0.2.1"));
  await ping(imsi, number, at("192.0.2.2"));
  await ping(imsi, number, at("192.0.2.2"), "seeder");
  await ping(imsi, client.msisdn, at("192.0.2.2", keyed(client)));
  await sign(imsi, at("192.0.2.3", byOperator));
  const seed = { msisdn: number, seed_type: "seed", client: null };
  expect(await logOf(imsi)).toEqual([
    { ...seed, address: "192.0.2.1" },
    { ...seed, address: "192.0.2.2" },
    { ...seed, seed_type: "seeder", address: "192.0.2.2" },
    { msisdn: client.msisdn, seed_type: "seed", client: client.msisdn, address: "192.0.2.2" },
    { msisdn: client.msisdn, seed_type: "seed", client: "operator", address: "192.0.2.3" },
  ]);
});

test("a phone that always says the same is logged once, also where its words are not taken", async () => {
  const [imsi, number] = [anImsi(), aNumber()];
  await ping(imsi, aNumber(), { env: open() });
  for (let times = 0; times < 3; times++) await ping(imsi, number, { env: open() });
  await env.DB.prepare("UPDATE gateway_seed_log SET at = at - 7200000 WHERE imsi = ?").bind(imsi).run();
  await ping(imsi, number, { env: open() });
  expect((await logOf(imsi)).map(({ msisdn }) => msisdn)).toHaveLength(2);
});

test("a phone that comes from many addresses in turn is logged once from each in an hour", async () => {
  const imsi = anImsi();
  const from = (address: string) =>
    ping(imsi, "+237672451860", { env: open(), headers: { "cf-connecting-ip": address } });
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"]) await from(address);
  expect(await logOf(imsi)).toHaveLength(2);
  await env.DB.prepare("UPDATE gateway_seed_log SET at = at - 3700000 WHERE imsi = ?").bind(imsi).run();
  await from("192.0.2.1");
  expect(await logOf(imsi)).toHaveLength(3);
});

test("those that showed a key are listed before strangers", async () => {
  const [stranger, own, client] = [anImsi(), anImsi(), await aClient()];
  await ping(own, client.msisdn, { headers: keyed(client) });
  await ping(stranger, aNumber(), { env: open() });
  const list = await told("GET", "/seeds", undefined, { env: open() });
  expect(list.indexOf(own)).toBeLessThan(list.indexOf(stranger));
  expect(list).toContain(own);
});

test("seeds go after thirty days of silence, and the log after 180", async () => {
  const [gone, kept] = [anImsi(), anImsi()];
  await Promise.all([gone, kept].map((imsi) => ping(imsi, aNumber(), { env: open() })));
  await age(gone, 30 * DAY_MS + 60_000);
  await age(kept, 30 * DAY_MS - 60_000);
  const logged = (imsi: string, days: number) =>
    env.DB.prepare("UPDATE gateway_seed_log SET at = at - ? WHERE imsi = ?")
      .bind(days * DAY_MS, imsi)
      .run();
  await Promise.all([logged(gone, 181), logged(kept, 179)]);
  await sweepSeeds(env);
  const { results } = await env.DB.prepare("SELECT imsi FROM gateway_seeds WHERE imsi IN (?, ?)")
    .bind(gone, kept)
    .all();
  expect(results).toEqual([{ imsi: kept }]);
  expect([await logOf(gone), (await logOf(kept)).length]).toEqual([[], 1]);
});
