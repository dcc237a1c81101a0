import { env } from "cloudflare:test";
import { beforeAll, expect, test, vi } from "vitest";
import { call } from "../support/world.ts";
import { METHODS, type Method } from "./app-methods.ts";
import { APPS, Envelope } from "./clients.ts";
import { CALLS, type Call } from "./integration-calls.ts";
import { aWorld, type World } from "./world.ts";

// Whatever is sent to whichever endpoint: its own clear refusal, never a 5xx, and nothing of a neighbour's.

let world: World;
let neighbour: World;
beforeAll(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  [world, neighbour] = [await aWorld("android"), await aWorld("android")];
}, 60_000);
vi.setConfig({ testTimeout: 30_000 });

/** No body, one that is no object, and one that is not even JSON. */
const BODIES = ["", "{}", "[]", "null", "0", '"text"', "true", "{", "\u0000", '{"a":', '{"__proto__":{"uid":1}}'];

/** What nobody expects in a field. */
const VALUES: unknown[] = [
  ...[null, true, [], {}, [1, 2], "", "x", "-1", "1e400", "💥'\"; DROP TABLE events --", "x".repeat(5000)],
  ...[-1, 0, 0.5, 1e308, 2 ** 53, "99999999999999999999", "0001-01-01 00:00:00", { toString: 1 }],
];

/** The usual body with one field after the other spoiled. */
function spoiled(usual: Record<string, unknown> = {}): string[] {
  return Object.keys(usual).flatMap((key) => VALUES.map((value) => JSON.stringify({ ...usual, [key]: value })));
}

const ENDS_SESSIONS = (method: Method) => method.isLast === true;
const methods = METHODS.filter((method) => !ENDS_SESSIONS(method));

/** 503 is for somebody outside who does not answer; here everybody does. */
const isRefusedOrDone = (status: number) => status < 500;

async function sendApp(path: string, body: string | undefined, token: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return call(`/api/${path}`, { method: "POST", headers, ...(body !== undefined && { body }) }, world.env);
}

test.each(methods)("$path refuses or does whatever it is sent, in an envelope", async ({ path, body, apps }) => {
  const usual = body?.(world, apps[0]!);
  const odd: string[] = [];
  await inParallel([undefined, ...BODIES, ...spoiled(usual)], async (sent) => {
    const response = await sendApp(path, sent, world.token);
    const text = await response.text();
    const isEnvelope = response.status === 204 ? text === "" : Envelope.safeParse(tryJson(text)).success;
    const isHonest = response.status === 200 || response.status === 204 || tryJson(text)?.code === response.status;
    if (!isRefusedOrDone(response.status) || !isEnvelope || !isHonest)
      odd.push(`${sent?.slice(0, 120)} → ${response.status} ${text.slice(0, 200)}`);
  });
  expect(odd).toEqual([]);
});

/** Ten at a time. */
async function inParallel<T>(all: readonly T[], one: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < all.length; start += 10) await Promise.all(all.slice(start, start + 10).map(one));
}

const tryJson = (text: string): { code?: number } | undefined => {
  try {
    return JSON.parse(text) as { code?: number };
  } catch {
    return undefined;
  }
};

const integrations = CALLS.filter(({ json, form }) => json || form);

test.each(integrations)("row $row: $path refuses or does whatever it is sent", async (asked) => {
  const odd: string[] = [];
  await inParallel(bodiesFor(asked), async (sent) => {
    const response = await call(asked.path, { method: "POST", headers: headersFor(asked), body: sent }, world.env);
    const text = await response.text();
    if (!isRefusedOrDone(response.status) || /at \w+ \(|D1_ERROR|SQLITE/.test(text))
      odd.push(`${sent.slice(0, 120)} → ${response.status} ${text.slice(0, 200)}`);
  });
  expect(odd).toEqual([]);
});

function bodiesFor({ json, form }: Call): string[] {
  const usual = json?.(world);
  if (form) return [...BODIES, "id=", "id=%", "id=1&id=2", "a=b", `id=${"9".repeat(300)}`, "id=1'%20OR%201=1"];
  if (typeof usual !== "object") return [...BODIES, "1e308", "-1", '"1"', "0.5", "99999999999999999999"];
  return [...BODIES, ...spoiled(usual as Record<string, unknown>)];
}

function headersFor({ as, form }: Call): Record<string, string> {
  const basic = `Basic ${btoa(`${world.env.Z5R_USER}:${world.env.Z5R_PASS}`)}`;
  const authorization = as === "controller" ? basic : `Bearer ${env.INTEGRATION_TOKEN}`;
  return { authorization, "content-type": form ? "application/x-www-form-urlencoded" : "application/json" };
}

/** Of these the ids are nobody's in particular: everybody's places, a contract whose password is known, a code that anybody may scan. */
const NOT_ONES_OWN = new Set(["geo/getStreets", "geo/getHouses", "geo/getServices", "geo/address", "geo/coder"]);
for (const path of ["user/restore", "user/addMyPhone", "address/registerQR", "pay/register"]) NOT_ONES_OWN.add(path);

const withIds = METHODS.filter(({ body, isPublic, path }) => body && !isPublic && !NOT_ONES_OWN.has(path)).flatMap(
  (method) => method.apps.map((app) => ({ app, path: method.path, method })),
);

test.each(withIds)(
  "Defect 2: $path, called by $app with a neighbour's ids, shows and does nothing",
  async ({ app, method }) => {
    const theirs = method.body!(neighbour, app)!;
    if (JSON.stringify(theirs) === JSON.stringify(method.body!(world, app))) return; // it names nothing of theirs
    const response = await sendApp(method.path, JSON.stringify(theirs), world.token);
    const text = await response.text();
    const said = response.status === 200 ? tryJson(text)?.code : response.status;
    expect([method.path, [201, 402, 403, 404].includes(said ?? 0), said, text.slice(0, 300)]).toEqual([
      ...[method.path, true, said, text.slice(0, 300)],
    ]);
    for (const secret of [neighbour.stream, neighbour.phone, neighbour.cameraToken, neighbour.address])
      expect(text).not.toContain(secret);
  },
);

test("the walks meet every app's every method", () => {
  expect(methods.length).toBeGreaterThan(80);
  expect(new Set(withIds.map(({ app }) => app))).toEqual(new Set(APPS));
});
