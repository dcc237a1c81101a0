import { env } from "cloudflare:test";
import { Hono } from "hono";
import { expect, test } from "vitest";
import { callerOf, newClientKey } from "#gateway/clients/keys.ts";
import { touchClient } from "#gateway/clients/reliability.ts";
import { database } from "#platform/db.ts";
import { countedEnv } from "../support/counted.ts";
import { call, envWith } from "../support/world.ts";
import { aNumber } from "./gateway-world.ts";
import { aCountry, anAddedClient, asOperator, type Item, publishedAt, v3 } from "./v3.ts";

const list = async (query: Record<string, string>) => {
  const { data, status } = await v3<Item[]>(`clients?${new URLSearchParams(query)}`, { headers: {} });
  return status === 200 ? data.map(({ msisdn }) => msisdn) : [status, data];
};

test("a client is listed to everybody, with the types that the apps parse and nothing null", async () => {
  const country = aCountry();
  const before = Math.floor(Date.now() / 1000);
  const { msisdn, key } = await anAddedClient({
    ...{ country, operator: "MTN Cameroon", operator_code: "62401", protocols: ["https", "smtp", "ftp"] },
  });
  expect(key).toMatch(/^gwk_/);
  const { data, status } = await v3<Item[]>(`clients?country=${encodeURIComponent(country)}`, { headers: {} });
  expect(status).toBe(200);
  expect(data).toEqual([
    {
      ...{ msisdn, country, operator: "MTN Cameroon", operator_code: "62401", reliability: "0.00" },
      ...{ protocols: ["https", "smtp", "ftp"], last_published_date: expect.any(Number) },
    },
  ]);
  expect(Number.isInteger(data[0]!.last_published_date)).toBe(true);
  expect(data[0]!.last_published_date).toBeGreaterThanOrEqual(before);
});

test("what is left out of a new client is looked up from its number", async () => {
  const { msisdn, country, operator, operator_code, protocols } = await anAddedClient();
  expect({ country, operator, operator_code, protocols }).toEqual({
    ...{ country: "Cameroon", operator: "MTN Cameroon", operator_code: "62401", protocols: [] },
  });
  expect(msisdn).toMatch(/^\+23767\d{7}$/);
});

test("of a number that nobody knows the places are empty texts", async () => {
  const { country, operator, operator_code } = await anAddedClient({ msisdn: aNumber().replace("+237", "+999") });
  expect({ country, operator, operator_code }).toEqual({ country: "", operator: "", operator_code: "" });
});

test("a number is understood without its plus, with spaces, and as a number", async () => {
  const [first, second] = [aNumber(), aNumber()];
  expect((await anAddedClient({ msisdn: first.replace("+", "00") })).msisdn).toBe(first);
  expect((await anAddedClient({ msisdn: Number(second.slice(1)) })).msisdn).toBe(second);
});

test("protocols may be one text with commas", async () => {
  expect((await anAddedClient({ protocols: " https, smtp ,,ftp" })).protocols).toEqual(["https", "smtp", "ftp"]);
});

test("the same number cannot be added twice, and stays as it was", async () => {
  const { msisdn, key: _, ...item } = await anAddedClient({ protocols: "https" });
  const again = await v3("clients", { method: "POST", body: { msisdn: msisdn.slice(1), protocols: "ftp" } });
  expect([again.status, again.data]).toEqual([409, { error: expect.stringContaining(msisdn) }]);
  const changed = await v3(`clients/${msisdn}`, { method: "PATCH", body: {} });
  expect(changed.data).toEqual({ msisdn, ...item });
});

test.each([
  ["no object", "[]", "The body must be a JSON object."],
  ["no JSON", "{", "The body must be a JSON object."],
  ["no number", {}, "msisdn must be a text."],
  ["a number that is none", { msisdn: "hello" }, "msisdn must be a phone number."],
  ["an odd country", { msisdn: "+237670000000", country: ["x"] }, "country must be a text."],
  [
    "a long country",
    { msisdn: "+237670000000", country: "x".repeat(65) },
    "country must be one line of at most 64 characters.",
  ],
  [
    "a line break",
    { msisdn: "+237670000000", operator: "a\nb" },
    "operator must be one line of at most 64 characters.",
  ],
  [
    "half a character",
    { msisdn: "+237670000000", operator: "a\ud800" },
    "operator must be one line of at most 64 characters.",
  ],
  ["an odd protocol", { msisdn: "+237670000000", protocols: ["a b"] }, "protocols must be a list of at most 20 words."],
  [
    "many protocols",
    { msisdn: "+237670000000", protocols: Array(21).fill("a") },
    "protocols must be a list of at most 20 words.",
  ],
  [
    "protocols in an object",
    { msisdn: "+237670000000", protocols: {} },
    "protocols must be a list of at most 20 words.",
  ],
])("a client with %s is refused in one sentence", async (_, body, error) => {
  const answer = await v3("clients", { method: "POST", body });
  expect([answer.status, answer.data]).toEqual([400, { error }]);
});

test("the fields are read whatever the content type says, and a body without end is not read at all", async () => {
  const headers = { ...asOperator, "content-type": "application/x-www-form-urlencoded" };
  const added = await v3("clients", { method: "POST", headers, body: { msisdn: aNumber() } });
  expect(added.status).toBe(201);
  const long = await v3("clients", { method: "POST", body: { msisdn: aNumber(), more: "x".repeat(300_000) } });
  expect([long.status, long.data]).toEqual([413, { error: expect.any(String) }]);
});

test("a client's fields change one by one, and are found by what they are now", async () => {
  const [country, other] = [aCountry(), aCountry()];
  const { msisdn } = await anAddedClient({ country, protocols: "https", operator: "One" });
  const changed = await v3<Item>(`clients/${msisdn}`, {
    method: "PATCH",
    body: { country: other, protocols: ["ftp"] },
  });
  expect(changed.status).toBe(200);
  expect(changed.data).toMatchObject({ msisdn, country: other, protocols: ["ftp"], operator: "One" });
  expect(await list({ country })).toEqual([]);
  expect(await list({ country: other, operator: "one" })).toEqual([msisdn]);
});

const keyProbe = new Hono().get("/", async (c) => c.text((await callerOf(c))?.client ?? "nobody"));

test("a client's new key is another one, and only its hash is kept", async () => {
  const { msisdn, key } = await anAddedClient();
  const { status, data } = await v3<{ key: string }>(`clients/${msisdn}/key`, { method: "POST" });
  expect([status, data.key]).toEqual([201, expect.stringMatching(/^gwk_/)]);
  expect(data.key).not.toBe(key);
  const whoHas = async (token: string) =>
    (await keyProbe.request("/", { headers: { authorization: `Bearer ${token}` } }, env)).text();
  expect([await whoHas(key), await whoHas(data.key)]).toEqual(["nobody", msisdn]);
  const row = await env.DB.prepare("SELECT * FROM gateway_clients WHERE msisdn = ?").bind(msisdn).first();
  expect(JSON.stringify(row)).not.toContain(data.key);
});

test("a removed client is gone, its tests too", async () => {
  const { msisdn } = await anAddedClient();
  await env.DB.prepare(
    "INSERT INTO gateway_tests (operator, msisdn, status, started_at) VALUES ('main', ?, 'running', ?)",
  )
    .bind(msisdn, Date.now())
    .run();
  expect((await v3(`clients/${msisdn}`, { method: "DELETE" })).status).toBe(204);
  expect((await v3(`clients/${msisdn}`, { method: "DELETE" })).status).toBe(404);
  const left = await env.DB.prepare("SELECT count(*) AS n FROM gateway_tests WHERE msisdn = ?").bind(msisdn).first();
  expect(left).toEqual({ n: 0 });
});

const unknown = "+237670";
test.each([
  ["PATCH", `clients/${unknown}`, `${unknown}`],
  ["DELETE", `clients/${unknown}`, `${unknown}`],
  ["POST", `clients/${unknown}/key`, `${unknown}`],
  ["POST", `clients/${unknown}/tests`, `${unknown}`],
  ["GET", `clients/${unknown}/tests`, `${unknown}`],
  ["GET", "clients/%2B237670/tests", `${unknown}`],
  ["GET", "clients/%20237670/tests", `${unknown}`],
  ["GET", "clients/nobody/tests", "nobody"],
])("%s %s says that there is no such client", async (method, path, named) => {
  const { status, data } = await v3(path, { method, ...(method === "PATCH" && { body: { country: "X" } }) });
  expect([status, data]).toEqual([404, { error: `No gateway client found with MSISDN: ${named}` }]);
});

test.each([
  ["POST", "clients"],
  ["PATCH", `clients/${unknown}`],
  ["DELETE", `clients/${unknown}`],
  ["POST", `clients/${unknown}/key`],
  ["POST", `clients/${unknown}/tests`],
])("Hole 24: %s %s needs the integration token, a client's key does not do", async (method, path) => {
  const { key } = await anAddedClient();
  for (const headers of [{}, { authorization: `Bearer ${key}` }, { authorization: `Bearer ${newClientKey().key}` }]) {
    const { status, data } = await v3(path, { method, headers: headers as Record<string, string>, body: {} });
    expect([status, data]).toEqual([401, { error: expect.any(String) }]);
  }
});

test("clients are found by country without regard to capitals and accents, and only by all of it", async () => {
  const country = `Åland ${aCountry()}`;
  const { msisdn } = await anAddedClient({ country });
  for (const word of [country, country.toUpperCase(), country.toLowerCase(), country.replace("Å", "A")])
    expect([word, await list({ country: word })]).toEqual([word, [msisdn]]);
  expect(await list({ country: country.slice(0, -1) })).toEqual([]);
});

test("clients are found by a part of the operator's name, and a pattern is no pattern", async () => {
  const country = aCountry();
  const mtn = await anAddedClient({ country, operator: "MTN Cameroon" });
  const odd = await anAddedClient({ country, operator: "100% Ünique_Mobile" });
  expect(await list({ country, operator: "mtn" })).toEqual([mtn.msisdn]);
  expect(await list({ country, operator: "CAMER" })).toEqual([mtn.msisdn]);
  expect(await list({ country, operator: "%" })).toEqual([odd.msisdn]);
  expect(await list({ country, operator: "e_m" })).toEqual([odd.msisdn]);
  expect(await list({ country, operator: "üNIQUE" })).toEqual([odd.msisdn]);
  expect(await list({ country, operator: "x".repeat(500) })).toEqual([]);
  expect(await list({ country, operator: "" })).toEqual([mtn.msisdn, odd.msisdn].toSorted());
});

test("clients are found by all the protocols that are asked for, in any order", async () => {
  const country = aCountry();
  const all = await anAddedClient({ country, protocols: "https,smtp,ftp" });
  const some = await anAddedClient({ country, protocols: "HTTPS" });
  const both = [all.msisdn, some.msisdn].toSorted();
  expect(await list({ country, protocols: "https" })).toEqual(both);
  expect(await list({ country, protocols: "http" })).toEqual(both);
  expect(await list({ country, protocols: "https,smtp" })).toEqual([all.msisdn]);
  expect(await list({ country, protocols: "FTP, https" })).toEqual([all.msisdn]);
  expect(await list({ country, protocols: "ftp,gopher" })).toEqual([]);
  expect(await list({ country, protocols: Array(300).fill("https").join(",") })).toEqual(both);
});

test("clients are found by the day in UTC on which they last published", async () => {
  const country = aCountry();
  const { msisdn } = await anAddedClient({ country });
  await publishedAt(msisdn, Date.UTC(2024, 4, 4, 18, 7, 44));
  const days: [string, boolean][] = [
    ["2024-05-04", true],
    ["2024-05-04T00:00:00", true],
    ["2024-05-04 23:59:59.999", true],
    ["2024-05-05T01:30:00+02:00", true],
    ["2024-05-05T01:30:00+0200", true],
    ["2024-05-04T23:30-01:00", false],
    ["2024-05-03", false],
    ["2024-05-05", false],
  ];
  for (const [date, isFound] of days)
    expect([date, await list({ country, last_published_date: date })]).toEqual([date, isFound ? [msisdn] : []]);
  expect(await v3(`clients?country=${country}&last_published_date=2024-05-05T01:30:00+02:00`)).toMatchObject({
    data: [{ msisdn, last_published_date: 1714846064 }],
  });
});

test.each(["yesterday", "2024-5-4", "2024-02-30", "2024-13-01", "1714846064", "2024-05-04T25:00", "0000-00-00", "\0"])(
  "the day %j is refused",
  async (last_published_date) => {
    expect(await list({ last_published_date })).toEqual([
      400,
      { error: "Invalid last_published_date. Please provide a valid ISO format datetime (YYYY-MM-DD)." },
    ]);
  },
);

test("what a client published last moves on, and never back", async () => {
  const country = aCountry();
  const { msisdn } = await anAddedClient({ country });
  const later = Date.now() + 86_400_000;
  await touchClient(database(env), "main", msisdn, new Date(later));
  await touchClient(database(env), "main", msisdn, new Date(later - 5_000));
  const { data } = await v3<Item[]>(`clients?country=${country}`);
  expect(data[0]!.last_published_date).toBe(Math.floor(later / 1000));
});

async function severalIn(country: string, count: number): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => anAddedClient({ country, protocols: "a,b" })));
  return clients.map(({ msisdn }) => msisdn).toSorted();
}

const linksOf = (headers: Headers) =>
  headers
    .get("link")!
    .split(", ")
    .map((link) => /^<(.*)>; rel="(\w+)"$/.exec(link)!.slice(1));

test("Hole 24: the pages are ordered, lead to each other from our own origin, and keep the filters", async () => {
  const country = aCountry();
  const numbers = await severalIn(country, 5);
  const query = new URLSearchParams({ country, protocols: "a,b", per_page: "2", odd: "1" });
  const base = "https://api.example.net/v3/clients";
  const to = (page: number) =>
    `${base}?page=${page}&per_page=2&country=${encodeURIComponent(country).replaceAll("%20", "+")}&protocols=a%2Cb`;
  const [first, middle, last, beyond] = await Promise.all(
    [1, 2, 3, 7].map((page) => v3<Item[]>(`clients?${query}&page=${page}`, { headers: { host: "evil.example" } })),
  );
  expect(linksOf(first!.headers)).toEqual([
    [to(1), "self"],
    [to(3), "last"],
    [to(2), "next"],
  ]);
  expect(linksOf(middle!.headers)).toEqual([
    ...[
      [to(1), "first"],
      [to(1), "prev"],
      [to(2), "self"],
      [to(3), "last"],
      [to(3), "next"],
    ],
  ]);
  expect(linksOf(last!.headers)).toEqual([
    [to(1), "first"],
    [to(2), "prev"],
    [to(3), "self"],
  ]);
  expect(linksOf(beyond!.headers)).toEqual([
    [to(1), "first"],
    [to(6), "prev"],
    [to(7), "self"],
  ]);
  expect(beyond!.data).toEqual([]);
  expect([first!, middle!, last!].flatMap(({ data }) => data.map(({ msisdn }) => msisdn))).toEqual(numbers);
  const { headers } = middle!;
  expect(["x-total-count", "x-page", "x-per-page"].map((name) => headers.get(name))).toEqual(["5", "2", "2"]);
});

test("a list without rows has one page", async () => {
  const { headers, data } = await v3(`clients?country=${aCountry()}&page=&per_page=`, { headers: {} });
  expect(data).toEqual([]);
  expect(["x-total-count", "x-page", "x-per-page"].map((name) => headers.get(name))).toEqual(["0", "1", "10"]);
  expect(linksOf(headers)).toEqual([[expect.stringContaining("page=1&per_page=10"), "self"]]);
});

test("Hole 24: a page has at most 100 rows, and says so", async () => {
  const country = aCountry();
  await env.DB.prepare(
    `INSERT INTO gateway_clients (operator, msisdn, country, carrier, carrier_code, country_folded, carrier_folded, protocols, last_published_at, created_at)
     SELECT 'main', '+888' || abs(random() % 1000000000000), ?, '', '', ?, '', '', 0, 0 FROM json_each(?)`,
  )
    .bind(country, country.toLowerCase(), JSON.stringify(Array(103).fill(0)))
    .run();
  const { data, headers } = await v3<Item[]>(`clients?country=${country}&per_page=100000`);
  expect([data.length, headers.get("x-per-page"), headers.get("x-total-count")]).toEqual([100, "100", "103"]);
  expect(headers.get("link")).toContain("page=2&per_page=100&");
});

test.each([
  "page=0",
  "page=-1",
  "page=x",
  "per_page=0",
  "per_page=1.5",
  "page=1e3",
  "page=99999999999999999999",
  "page=%00",
])("the page %s is refused", async (query) => {
  for (const path of ["clients", `clients/${unknown}/tests`]) {
    const { status, data } = await v3(`${path}?${query}`, { headers: {} });
    const error = "Invalid page or per_page parameter. Must be positive integers.";
    expect([status, data]).toEqual([400, { error }]);
  }
});

test("the countries are listed once each, and a country's operators without regard to capitals", async () => {
  const country = aCountry();
  await Promise.all(["B", "A", "A", ""].map((operator) => anAddedClient({ country, operator })));
  const { data } = await v3<string[]>("clients/countries", { headers: {} });
  expect(data.filter((name) => name === country)).toEqual([country]);
  expect(data).not.toContain("");
  const path = `clients/${encodeURIComponent(country.toUpperCase())}/operators`;
  expect((await v3(path, { headers: {} })).data).toEqual(["A", "B"]);
  expect((await v3("clients/Atlantis/operators", { headers: {} })).data).toEqual([]);
});

test("clients of another operator are nobody's here", async () => {
  const country = aCountry();
  const { msisdn } = await anAddedClient({ country });
  const elsewhere = envWith({ OPERATOR: "elsewhere" });
  expect((await v3(`clients?country=${country}`, { env: elsewhere })).data).toEqual([]);
  expect((await v3("clients/countries", { env: elsewhere })).data).toEqual([]);
  expect((await v3(`clients/${msisdn}`, { env: elsewhere, method: "DELETE" })).status).toBe(404);
  expect(await list({ country })).toEqual([msisdn]);
});

test("each list is one round trip and no write", async () => {
  const { msisdn } = await anAddedClient();
  for (const path of [
    "clients?country=x&operator=y",
    "clients/countries",
    "clients/x/operators",
    `clients/${msisdn}/tests`,
  ]) {
    const { env: counted, trips } = countedEnv();
    expect((await v3(path, { env: counted, headers: {} })).status).toBe(200);
    expect([path, trips.d1, trips.d1Writes]).toEqual([path, 1, 0]);
  }
});

test("any page may read, without cookies, and sees the headers of the pages", async () => {
  const ok = await v3("clients?country=nowhere", { headers: { origin: "https://app.example" } });
  expect(ok.headers.get("access-control-allow-origin")).toBe("*");
  expect(ok.headers.get("access-control-expose-headers")).toBe("Link, X-Page, X-Per-Page, X-Total-Count");
  const refused = await v3("clients?page=0", { headers: { origin: "https://app.example" } });
  expect(refused.headers.get("access-control-allow-origin")).toBe("*");
  for (const { headers } of [ok, refused]) expect(headers.get("access-control-allow-credentials")).toBeNull();
  const preflight = await call("/v3/clients", { method: "OPTIONS", headers: { origin: "https://app.example" } });
  expect(preflight.status).toBe(204);
});

test.each([
  ["PUT", "clients", "GET, HEAD, OPTIONS, POST"],
  ["POST", "clients/countries", "GET, HEAD, OPTIONS"],
  ["GET", `clients/${unknown}`, "DELETE, OPTIONS, PATCH"],
  ["GET", `clients/${unknown}/key`, "OPTIONS, POST"],
  ["DELETE", `clients/${unknown}/tests`, "GET, HEAD, OPTIONS, POST"],
  ["POST", "clients/x/operators", "GET, HEAD, OPTIONS"],
])("%s %s is not a method of this path", async (method, path, allowed) => {
  const response = await call(`/v3/${path}`, { method });
  expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
});
