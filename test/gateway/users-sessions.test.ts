import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { openUserSession, platformsOfSession } from "#gateway/users/user-session.ts";
import { verifyUser } from "#gateway/users/verify.ts";
import { countedEnv } from "../support/counted.ts";
import { call, envWith } from "../support/world.ts";
import { aGatewayUser, integration } from "./users-world.ts";

const gmail = { name: "gmail", username: "me@example.org", uniqueId: "1", token: {} };
const AGENT = "BE/1.0";
/** Fewer wrong passwords than usual, as each costs a hash. */
const STRICT = envWith({ LIMITS: JSON.stringify({ passwordFailures: 3 }) });

const verify = (id: string, body: unknown, headers: Record<string, string> = {}, environment: Env = env) =>
  call(
    `/v2/users/${id}/verify`,
    { method: "POST", headers: { "user-agent": AGENT, ...headers }, body: JSON.stringify(body) },
    environment,
  );

const platforms = (id: string, headers: Record<string, string> = {}, environment: Env = env) =>
  call(`/v2/users/${id}/platforms`, { headers: { "user-agent": AGENT, ...headers } }, environment);

async function aSession({ id, password }: { id: string; password: string }) {
  const answer = await verify(id, { password });
  return { answer, cookie: answer.headers.get("set-cookie")!.split(";")[0]! };
}

test("A right password opens a session of ten minutes for this user alone", async () => {
  const user = await aGatewayUser();
  const { answer } = await aSession(user);
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
  const [value, ...attributes] = answer.headers.get("set-cookie")!.split("; ");
  expect(value).toMatch(/^SWOB=[\w.-]+$/);
  expect(attributes.sort()).toEqual(
    ["HttpOnly", "Max-Age=600", `Path=/v2/users/${user.id}`, "SameSite=Strict", "Secure"].sort(),
  );
  expect(answer.headers.get("access-control-allow-origin")).toBeNull();
});

test("The cookie is not for encrypted connections only where there are none", async () => {
  const { id, password } = await aGatewayUser();
  const plain = envWith({ PUBLIC_URL: "http://127.0.0.1:8787" });
  const cookie = (await verify(id, { password }, {}, plain)).headers.get("set-cookie")!;
  expect(cookie).toContain("HttpOnly");
  expect(cookie).not.toContain("Secure");
});

test("The session lists the platforms that a user has and has not, in one trip", async () => {
  const user = await aGatewayUser({ platforms: [gmail] });
  const { cookie } = await aSession(user);
  const counted = countedEnv({
    GATEWAY_PLATFORMS: JSON.stringify([
      {
        name: "slack",
        letter: "s",
        type: "text",
        description: { en: "Slack." },
        logo: "https://cdn.example.net/s.svg",
      },
    ]),
  });
  const answer = await platforms(user.id, { cookie }, counted.env);
  expect(counted.trips.d1).toBe(1);
  const listed = (await answer.json()) as Record<string, Record<string, unknown>[]>;
  expect(listed.saved_platforms).toEqual([
    {
      description: { en: expect.any(String), fr: expect.any(String) },
      initialization_url: "/platforms/gmail/protocols/oauth2",
      ...{ letter: "g", logo: "/v2/platforms/gmail-icon.svg", name: "gmail", type: "email" },
    },
  ]);
  expect(listed.unsaved_platforms).toMatchObject([
    { name: "twitter", letter: "t", type: "text", initialization_url: "/platforms/twitter/protocols/oauth2" },
    { name: "telegram", letter: "T", type: "messaging", initialization_url: "/platforms/telegram/protocols/twofactor" },
    { name: "slack", letter: "s", logo: "https://cdn.example.net/s.svg", description: { en: "Slack." } },
  ]);
});

test.each<[string, unknown, Record<string, string>]>([
  ["without a User-Agent", { password: "dummy_password" }, { "user-agent": "" }],
  ["without a password", {}, {}],
  ["with an empty password", { password: "" }, {}],
  ["with a password of 191 bytes", { password: "a".repeat(191) }, {}],
  ["with a password that is no text", { password: 7 }, {}],
])("A verification %s is a bad request", async (_, body, headers) => {
  const answer = await verify("nobody", body, headers);
  expect([answer.status, Object.keys((await answer.json()) as object)]).toEqual([400, ["error"]]);
});

test("A verification that is no JSON is a bad request", async () => {
  const answer = await call("/v2/users/nobody/verify", {
    ...{ method: "POST", body: "password", headers: { "user-agent": AGENT } },
  });
  expect(answer.status).toBe(400);
});

test("A wrong password and an unknown user are told the same", async () => {
  const { id } = await aGatewayUser();
  const [wrong, unknown] = [await verify(id, { password: "wrong" }), await verify("nobody", { password: "wrong" })];
  expect([wrong.status, unknown.status]).toEqual([401, 401]);
  expect(await wrong.text()).toBe(await unknown.text());
  expect([wrong.headers.get("set-cookie"), unknown.headers.get("set-cookie")]).toEqual([null, null]);
});

test("Hole 6: passwords of a user are not guessed without limit, and nobody locks the owner out from elsewhere", async () => {
  const { id, password } = await aGatewayUser();
  const there = { "cf-connecting-ip": "203.0.113.7" };
  for (let wrong = 0; wrong < 6; wrong++)
    expect((await verify(id, { password: "no" }, there, STRICT)).status).toBe(401);
  const locked = await verify(id, { password }, there, STRICT);
  expect(locked.status).toBe(429);
  expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(30);
  expect((await verify(id, { password }, { "cf-connecting-ip": "198.51.100.7" }, STRICT)).status).toBe(200);
});

test("Hole 6: a sync counts with the same tries, and is refused when they are used up", async () => {
  const { id, password } = await aGatewayUser();
  const address = "203.0.113.99";
  await verify(id, { password: "no" }, { "cf-connecting-ip": address }, STRICT);
  for (let wrong = 0; wrong < 5; wrong++) await expect(verifyUser(STRICT, id, "no", address)).rejects.toThrow();
  await expect(verifyUser(STRICT, id, password, address)).rejects.toMatchObject({
    ...{ code: "unauthenticated", reason: "locked" },
  });
});

test("Hole 6: many guesses at once are no more than were allowed", async () => {
  const { id } = await aGatewayUser();
  const there = { "cf-connecting-ip": "203.0.113.211" };
  const answers = await Promise.all(Array.from({ length: 9 }, () => verify(id, { password: "no" }, there, STRICT)));
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(6);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(3);
});

test.each<[string, (cookie: string, id: string) => Record<string, string>]>([
  ["no session", () => ({})],
  ["another User-Agent", (cookie) => ({ cookie, "user-agent": "other" })],
  ["no User-Agent", (cookie) => ({ cookie, "user-agent": "" })],
  ["a later end", (cookie) => ({ cookie: cookie.replace(/\.\d+\./, ".99999999999.") })],
  ["another signature", (cookie) => ({ cookie: `${cookie.slice(0, -4)}AAAA` })],
  ["a key that is not there", (cookie) => ({ cookie: cookie.replace("SWOB=k1", "SWOB=k9") })],
  ["nonsense", () => ({ cookie: "SWOB=%00" })],
])("With %s the platforms are not listed", async (_, headers) => {
  const user = await aGatewayUser({ platforms: [gmail] });
  const { cookie } = await aSession(user);
  expect((await platforms(user.id, { cookie })).status).toBe(200);
  expect((await platforms(user.id, headers(cookie, user.id))).status).toBe(401);
});

test("A session is no other user's, and not of yesterday", async () => {
  const [one, other] = [await aGatewayUser(), await aGatewayUser()];
  const { cookie } = await aSession(one);
  expect((await platforms(other.id, { cookie })).status).toBe(401);
  const caller = { userId: one.id, userAgent: AGENT };
  const then = new Date(Date.now() - 601_000);
  const old = await openUserSession(env, { ...caller, password: one.password, address: "10.1.1.1" }, then);
  await expect(platformsOfSession(env, { ...caller, session: old })).rejects.toMatchObject({ code: "unauthenticated" });
  expect((await platformsOfSession(env, { ...caller, session: old }, then)).saved).toEqual([]);
});

test.each([
  ["a new password", (id: string) => integration("PATCH", `/v2/users/${id}`, { password: "another_password" })],
  ["the user's end", (id: string) => integration("DELETE", `/v2/users/${id}`)],
])("A session ends with %s", async (_, end) => {
  const user = await aGatewayUser();
  const { cookie } = await aSession(user);
  expect((await end(user.id)).ok).toBe(true);
  expect((await platforms(user.id, { cookie })).status).toBe(401);
});

test("Each platform has a picture that caches may keep, of its letter alone", async () => {
  const answer = await call("/v2/platforms/telegram-icon.svg");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/svg+xml"]);
  expect(answer.headers.get("cache-control")).toBe("public, max-age=86400");
  const picture = await answer.text();
  expect(picture).toMatch(/^<svg xmlns=".*>T<\/text><\/svg>$/);
  expect((await call("/v2/platforms/myspace-icon.svg")).status).toBe(404);
  expect((await call("/v2/platforms/..%2Fgmail-icon.svg")).status).toBe(404);
});
