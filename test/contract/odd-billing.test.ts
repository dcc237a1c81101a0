import { beforeAll, expect, test, vi } from "vitest";
import { aResident, aUid, mobile, outside } from "../support/world.ts";
import { METHODS } from "./app-methods.ts";
import { Envelope } from "./clients.ts";
import { answerOutside } from "./outside.ts";
import { aWorld, type World } from "./world.ts";

// The operator's own billing is away, or answers what nobody understands: every method says so honestly or does without, signs
// nobody out and shows nobody's home.

let world: World;
let stranger: { token: string };
beforeAll(async () => {
  for (const level of ["warn", "error"] as const) vi.spyOn(console, level).mockImplementation(() => {});
  world = await aWorld("android");
  stranger = await aResident();
}, 60_000);
vi.setConfig({ testTimeout: 30_000 });

const json = (value: unknown) => () => Response.json(value);
const contract = { uid: 501, login: "20017", address: "г. Тула", flat: "8" };

const ANSWERS: Record<string, (request: Request) => Response | Promise<Response>> = {
  "is away": () => Promise.reject(new TypeError("connection refused")),
  fails: () => new Response("at Billing.main (billing.py:17)", { status: 500 }),
  "shows a page": () => new Response("<html>maintenance</html>", { headers: { "content-type": "text/html" } }),
  "answers null": json(null),
  "answers a list": json([]),
  "has nothing": json({ result: null }),
  "has no list": json({ result: "no" }),
  "has a hole in its list": json({ result: [null, contract] }),
  "knows a contract without a number": json({ result: [{ ...contract, uid: "x" }] }),
  "knows a contract without an address": json({ result: [{ ...contract, address: null }] }),
  "knows contract 0": json({ result: [{ ...contract, uid: 0 }] }),
  "answers the old way": json({ code: 200, name: "OK", message: "Хорошо", data: [{ houseId: "501", address: null }] }),
  "sends too much": () => new Response("[".repeat(3 * 1024 * 1024)),
};

const methods = METHODS.filter(({ isPublic, isLast }) => !isPublic && !isLast);
/** What is not of the newer contract's own is asked of both. */
const OLD = ["is away", "shows a page", "answers null", "answers the old way", "sends too much"];
const cases = [
  ...Object.keys(ANSWERS).map((name) => ["http", name] as const),
  ...OLD.map((name) => ["legacy", name] as const),
];

test.each(cases)("with BILLING=%s and a billing that %s every method is answered honestly", async (BILLING, name) => {
  const BILLING_URL = `https://billing-${aUid()}.example.net`;
  outside((request) => (request.url.startsWith(BILLING_URL) ? ANSWERS[name]!(request) : answerOutside(request)));
  const environment = { ...world.env, BILLING, BILLING_URL } as typeof world.env;
  const odd: string[] = [];
  const ask = async ({ path, body }: (typeof methods)[number]) => {
    const response = await mobile(path, body?.(world, "android"), { token: stranger.token, env: environment });
    const text = await response.text();
    const isEnvelope = response.status === 204 ? text === "" : Envelope.safeParse(JSON.parse(text)).success;
    const isHonest = ![401, 500, 502, 504].includes(response.status);
    const tells = [world.phone, world.stream, world.login, "billing.py"].some((secret) => text.includes(secret));
    if (!isEnvelope || !isHonest || tells) odd.push(`${path} → ${response.status} ${text.slice(0, 200)}`);
  };
  for (let start = 0; start < methods.length; start += 10) await Promise.all(methods.slice(start, start + 10).map(ask));
  expect(odd).toEqual([]);
});
