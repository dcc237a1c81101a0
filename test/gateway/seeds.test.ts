import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { randomDigits } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { aClient, aNumber } from "./gateway-world.ts";
import { age, anImsi, ask, byOperator, type Given, keyed, numberOf, open, ping, told } from "./seeds-world.ts";

async function listed(path: string, imsi: string, given: Given = { headers: byOperator }) {
  const response = await ask("GET", path, undefined, given);
  expect(response.status).toBe(200);
  return ((await response.json()) as { IMSI: string }[]).filter(({ IMSI }) => IMSI === imsi);
}

test("a ping answers its time, which grows from one to the next however fast they come", async () => {
  const [imsi, msisdn] = [anImsi(), aNumber()];
  const answers = await Promise.all(Array.from({ length: 5 }, () => ping(imsi, msisdn, { env: open() })));
  expect(answers.every((answer) => /^200 \d{10}\.\d{3}$/.test(answer))).toBe(true);
  expect(new Set(answers).size).toBe(5);
  const [seed] = (await listed("/seeds", imsi)) as unknown as { LPS: number }[];
  expect(`200 ${seed!.LPS.toFixed(3)}`).toBe(answers.sort().at(-1));
});

test.each([
  ["no IMSI", { MSISDN: "+237", seed_type: "seed" }, "missing IMSI"],
  ["an empty IMSI", { IMSI: "", MSISDN: "+237", seed_type: "seed" }, "missing IMSI"],
  ["nothing at all", {}, "missing IMSI"],
  ["no MSISDN", { IMSI: "1", seed_type: "seed" }, "missing MSISDN"],
  ["no type", { IMSI: "1", MSISDN: "+237" }, "missing seeder state"],
  ["an object for a type", { IMSI: "1", MSISDN: "+237", seed_type: {} }, "missing seeder state"],
  ["a long number", { IMSI: "1", MSISDN: "1".repeat(33), seed_type: "seed" }, "invalid MSISDN"],
  ["a number of two lines", { IMSI: "1", MSISDN: "+237\n1", seed_type: "seed" }, "invalid MSISDN"],
  ["a long type", { IMSI: "1", MSISDN: "+237", seed_type: "s".repeat(17) }, "invalid seeder state"],
  ["a list", [], "poorly formed json"],
  ["no JSON", "IMSI=1", "poorly formed json"],
  ["nothing", "", "poorly formed json"],
])("a ping with %s is refused", async (_, body, complaint) => {
  expect(await told("POST", "/seeds/ping", body, { env: open() })).toBe(`400 ${complaint}`);
});

test.each(["../../x", "a/b", "a b", "a\u0000", "1".repeat(33), "é", "a.b"])(
  "Hole 20: an IMSI is a name and no path: %j",
  async (imsi) => {
    expect(await ping(imsi, aNumber(), { env: open() })).toBe("400 invalid IMSI");
    expect(await told("POST", "/seeds", { IMSI: imsi, MSISDN: aNumber() }, { env: open() })).toBe("400 invalid IMSI");
    expect(await numberOf(encodeURIComponent(imsi))).toBe("200 ");
  },
);

test("an IMSI may hold letters, digits and _, and be a number in JSON", async () => {
  const msisdn = aNumber();
  const [named, numeric] = [`sample_IMSI_${randomDigits(8)}`, Number(anImsi())];
  expect(await ping(named, msisdn, { env: open() })).toMatch(/^200 /);
  expect(await ping(numeric as never, msisdn, { env: open() })).toMatch(/^200 /);
  expect([await numberOf(named), await numberOf(String(numeric))]).toEqual([`200 ${msisdn}`, `200 ${msisdn}`]);
});

test("Hole 24: a ping of more than anybody has to say is refused", async () => {
  const body = { IMSI: anImsi(), MSISDN: aNumber(), seed_type: "seed", more: "x".repeat(20_000) };
  expect(await told("POST", "/seeds/ping", body, { env: open() })).toMatch(/^413 /);
});

test("the list has all seven keys, with the country and the mobile operator of the number", async () => {
  const [imsi, msisdn] = [anImsi(), aNumber()];
  await ping(imsi, msisdn, { env: open() }, "seeder");
  expect(await listed("/seeds", imsi)).toEqual([
    {
      IMSI: imsi,
      LPS: expect.any(Number),
      MSISDN: msisdn,
      country: "Cameroon",
      operator_id: "62401",
      operator_name: "MTN Cameroon",
      seed_type: "seeder",
    },
  ]);
});

test("Hole 21: a number that no plan has is listed too", async () => {
  const imsi = anImsi();
  await ping(imsi, "sample_MSISDN", { env: open() });
  const nowhere = { country: "", operator_id: null, operator_name: "" };
  expect(await listed("/seeds", imsi)).toMatchObject([{ MSISDN: "sample_MSISDN", ...nowhere }]);
});

test("seeders are those who say so", async () => {
  const [seed, seeder] = [anImsi(), anImsi()];
  await ping(seed, aNumber(), { env: open() });
  await ping(seeder, aNumber(), { env: open() }, "seeder");
  expect(await listed("/seeders", seed)).toEqual([]);
  expect(await listed("/seeders", seeder)).toHaveLength(1);
});

test("Hole 21: a seed outlives a ping of each thirty seconds that was lost, and is gone after 75", async () => {
  const [imsi, msisdn] = [anImsi(), aNumber()];
  await ping(imsi, msisdn, { env: open() });
  await age(imsi, 70_000);
  expect([await numberOf(imsi), (await listed("/seeds", imsi)).length]).toEqual([`200 ${msisdn}`, 1]);
  await age(imsi, 6_000);
  expect([await numberOf(imsi), (await listed("/seeds", imsi)).length]).toEqual(["200 ", 0]);
});

test("an IMSI that nobody said has no number", async () => {
  expect(await numberOf(anImsi())).toBe("200 ");
});

test("a phone's number is registered by JSON of that type only", async () => {
  const [imsi, msisdn] = [anImsi(), aNumber()];
  const register = (body: unknown, type: string) =>
    told("POST", "/seeds", body, { env: open(), headers: { "content-type": type } });
  expect(await register({ IMSI: imsi, MSISDN: msisdn }, "text/plain")).toBe("400 Content-Type not supported!");
  expect(await register({ IMSI: imsi, MSISDN: msisdn }, "application/jsonx")).toBe("400 Content-Type not supported!");
  expect(await numberOf(imsi)).toBe("200 ");
  expect(await register({ IMSI: imsi, MSISDN: msisdn }, "application/json; charset=UTF-8")).toBe(
    "200 Seed has been registered",
  );
  expect(await numberOf(imsi)).toBe(`200 ${msisdn}`);
  expect(await listed("/seeds", imsi)).toMatchObject([{ seed_type: "seed" }]);
});

test.each([["{"], [{ IMSI: "1" }], [{ MSISDN: "+237" }], [[]], [{ IMSI: 1, MSISDN: null }]])(
  "a registration of %j is refused",
  async (body) => {
    expect(await told("POST", "/seeds", body, { env: open() })).toBe("400 Invalid json format");
  },
);

test("registering a seeder again leaves it one", async () => {
  const [imsi, msisdn] = [anImsi(), aNumber()];
  await ping(imsi, msisdn, { env: open() }, "seeder");
  await age(imsi, 100_000);
  await told("POST", "/seeds", { IMSI: imsi, MSISDN: msisdn }, { env: open() });
  expect(await listed("/seeders", imsi)).toHaveLength(1);
});

test.each(["sim_data", "sim-data"])("a ping by the header %s keeps a seed, and makes none", async (name) => {
  const [imsi, msisdn] = [anImsi(), aNumber()];
  const sign = () => told("GET", "/seeds/ping", undefined, { env: open(), headers: { [name]: `${imsi}.1` } });
  expect([await sign(), await numberOf(imsi)]).toEqual(["200 ", "200 "]);
  await ping(imsi, msisdn, { env: open() });
  await age(imsi, 100_000);
  expect([await sign(), await numberOf(imsi)]).toEqual(["200 ", `200 ${msisdn}`]);
});

test("a ping by header says an IMSI", async () => {
  const sign = (headers: Record<string, string>) => told("GET", "/seeds/ping", undefined, { env: open(), headers });
  expect(await sign({})).toBe("400 no sim data found");
  expect(await sign({ sim_data: "../x.1" })).toBe("400 invalid IMSI");
});

test("Holes 13, 20: strangers neither ping nor register nor ask whose an IMSI is", async () => {
  const body = { IMSI: anImsi(), MSISDN: aNumber(), seed_type: "seed" };
  for (const headers of [{}, { authorization: "Bearer gwk_wrong" }]) {
    const refused = "401 unknown gateway client";
    expect(await told("POST", "/seeds/ping", body, { headers })).toBe(refused);
    expect(await told("GET", "/seeds/ping", undefined, { headers: { ...headers, sim_data: "1" } })).toBe(refused);
    expect(await told("POST", "/seeds", body, { headers })).toBe(refused);
    expect(await told("GET", `/seeds/${body.IMSI}`, undefined, { headers })).toBe(refused);
  }
  expect(await numberOf(body.IMSI)).toBe("200 ");
});

test("Hole 20: strangers see of an IMSI whose subscriber it is, and not which", async () => {
  const [imsi, client] = [anImsi(), await aClient()];
  await ping(imsi, client.msisdn, { headers: keyed(client) });
  const response = await ask("GET", "/seeds", undefined);
  const body = (await response.json()) as { IMSI: string; MSISDN: string }[];
  expect(body.find(({ MSISDN }) => MSISDN === client.msisdn)!.IMSI).toBe("62401**********");
  expect(JSON.stringify(body)).not.toContain(imsi);
  expect(await listed("/seeds", imsi, { headers: { authorization: "Bearer gwk_wrong" } })).toEqual([]);
  expect(await listed("/seeds", imsi, { headers: keyed(client) })).toHaveLength(1);
  expect(await listed("/seeds", imsi, { env: open() })).toHaveLength(1);
});

test.each([
  ["POST", "/seeds/ping"],
  ["GET", "/seeds"],
  ["GET", "/seeders"],
  ["GET", "/seeds/1"],
])("any page may call %s %s, without credentials", async (method, path) => {
  const headers = { origin: "https://sync.example.org", "access-control-request-method": method };
  for (const answer of [
    await ask("OPTIONS", path, undefined, { headers }),
    await ask(method, path, undefined, { headers }),
  ]) {
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  }
});

test.each([
  ["PUT", "/seeds/ping", "GET, HEAD, OPTIONS, POST"],
  ["DELETE", "/seeds", "GET, HEAD, OPTIONS, POST"],
  ["POST", "/seeders", "GET, HEAD, OPTIONS"],
  ["POST", "/seeds/1", "GET, HEAD, OPTIONS"],
])("%s %s is no method", async (method, path, allowed) => {
  const response = await ask(method, path, {});
  expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
});

test("texts are plain, and carry the headers of the gateway", async () => {
  const response = await ask("GET", "/seeds/1", undefined, { env: open() });
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
});

test("a ping, the list and a number take one round trip each, and one more for a key", async () => {
  const [imsi, client] = [anImsi(), await aClient()];
  const asked = async (vars: Record<string, unknown>, act: (given: Env) => Promise<unknown>) => {
    const { env: counted, trips } = countedEnv(vars);
    await act(counted);
    return trips.d1;
  };
  const one = { GATEWAY_OPEN: "1" };
  expect(await asked(one, (counted) => ping(anImsi(), aNumber(), { env: counted }))).toBe(1);
  expect(await asked(one, (counted) => ask("GET", "/seeds", undefined, { env: counted }))).toBe(1);
  expect(await asked(one, (counted) => ask("GET", `/seeds/${imsi}`, undefined, { env: counted }))).toBe(1);
  const headers = keyed(client);
  expect(await asked({}, (counted) => ping(imsi, client.msisdn, { env: counted, headers }))).toBe(2);
  const sim = { ...headers, sim_data: imsi };
  expect(await asked({}, (counted) => ask("GET", "/seeds/ping", undefined, { env: counted, headers: sim }))).toBe(2);
});
