import { env } from "cloudflare:test";
import type { JWTPayload } from "jose";
import { expect, test } from "vitest";
import {
  authenticateByAssertion,
  authenticateBySecret,
  forgetUsedAssertions,
  openDeviceTokens,
} from "#identity/controllers/authenticate.ts";
import { banController, deleteController, resetController, unbanController } from "#identity/controllers/states.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { issuer } from "#identity/tokens/access-token.ts";
import { validate } from "#identity/tokens/validate.ts";
import { aController, aHousehold, aKeyPair, aSerial, claim, enrol, json, refusal } from "../support/controllers.ts";
import { aPerson, shield } from "../support/shield.ts";

const later = () => {};
const TOKEN_URL = "https://yard.test/shield/v1/oauth/token";
const bySecret = (serial: string, secret: string, now?: Date) => authenticateBySecret(env, "main", serial, secret, now);
const byAssertion = (assertion: string, now?: Date, operator: string | undefined = "main") =>
  authenticateByAssertion(env, operator, assertion, TOKEN_URL, now);
const seconds = () => Math.floor(Date.now() / 1000);

/** A controller that has enrolled with its own key. */
async function aSigner(curve: "Ed25519" | "P-256" = "Ed25519") {
  const pair = await aKeyPair(curve);
  const serial = aSerial();
  const answer = await json(await enrol({ serial, public_key: pair.publicKey }));
  const id = answer.device_id as string;
  const { access_token: token } = answer.tokens as { access_token: string };
  return { ...pair, id, serial, token };
}

const goodClaims = (id: string): JWTPayload => ({
  ...{ iss: id, sub: id, aud: TOKEN_URL, iat: seconds(), exp: seconds() + 50, jti: crypto.randomUUID() },
});

test("DEV-2 IDP-2 a controller proves itself by its secret, and its token tells kind and domain", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  const proven = await bySecret(controller.serial, controller.secret);
  expect(proven).toMatchObject({ id: controller.id, epoch: 1, status: "claimed", amr: "pwd" });
  const tokens = await openDeviceTokens(
    env,
    proven,
    { id: household.client },
    { address: "203.0.113.7" },
    SYSTEM,
    later,
  );
  const subject = await validate(env, tokens.access_token, { kinds: ["device"], freshness: "strict" }, later);
  expect(subject).toMatchObject({ kind: "device", id: controller.id, domain: household.domain, amr: ["pwd"] });
  expect(tokens).toMatchObject({ expires_in: 3600, refresh_expires_in: 90 * 86_400 });
});

test("DEV-2 TOK-12 a controller has one session: the one before ends", async () => {
  const controller = await aController();
  const proven = await bySecret(controller.serial, controller.secret);
  await openDeviceTokens(env, proven, null, { address: "203.0.113.7" }, SYSTEM, later);
  await expect(
    validate(env, controller.token, { kinds: ["device"], freshness: "strict" }, later),
  ).rejects.toMatchObject({ reason: "session_revoked" });
});

test.each<[string, string, () => Promise<{ serial: string; secret: string }>]>([
  ["a serial that nobody has", "invalid_credentials", async () => ({ serial: aSerial(), secret: "guess" })],
  ["a wrong secret", "invalid_credentials", async () => ({ ...(await aController()), secret: "guess" })],
  ["no secret", "invalid_credentials", async () => ({ ...(await aController()), secret: "" })],
  [
    "another controller's secret",
    "invalid_credentials",
    async () => ({ ...(await aController()), secret: (await aController()).secret }),
  ],
  ["a controller with a key", "invalid_credentials", async () => ({ ...(await aSigner()), secret: "" })],
  ["a controller that has not enrolled", "invalid_credentials", async () => aController({ enrolled: false })],
  [
    "a controller that was reset",
    "invalid_credentials",
    () => after(({ id }) => resetController(env, "main", { id }, SYSTEM)),
  ],
  [
    "a deleted controller",
    "invalid_credentials",
    () => after(({ id }) => deleteController(env, "main", { id }, SYSTEM)),
  ],
  [
    "a banned controller",
    "device_banned",
    () => after(({ id }) => banController(env, "main", { id, reason: "x" }, SYSTEM)),
  ],
  [
    "a banned controller with a wrong secret",
    "invalid_credentials",
    async () => ({
      ...(await after(({ id }) => banController(env, "main", { id, reason: "x" }, SYSTEM))),
      secret: "guess",
    }),
  ],
])("DEV-2 IDP-2 %s is refused", async (_, reason, who) => {
  const { serial, secret } = await who();
  await expect(bySecret(serial, secret)).rejects.toMatchObject({ reason });
});

async function after(change: (controller: { id: string }) => Promise<unknown>) {
  const controller = await aController();
  await change(controller);
  return controller;
}

test.each(["", "nobody's", "null", "undefined"])(
  "DEV-2 no secret opens a controller that has a key: %j",
  async (secret) => {
    const { serial } = await aSigner();
    await expect(bySecret(serial, secret)).rejects.toMatchObject({ reason: "invalid_credentials" });
  },
);

test("DEV-2 a controller of one operator is nobody at another", async () => {
  const controller = await aController();
  await expect(authenticateBySecret(env, "other", controller.serial, controller.secret)).rejects.toMatchObject({
    reason: "invalid_credentials",
  });
  const signer = await aSigner();
  await expect(byAssertion(await signer.sign(goodClaims(signer.id)), undefined, "other")).rejects.toMatchObject({
    reason: "invalid_grant",
  });
});

test.each(["Ed25519", "P-256"] as const)(
  "DEV-2 a controller proves itself by what it signs with its %s key",
  async (curve) => {
    const signer = await aSigner(curve);
    const proven = await byAssertion(await signer.sign(goodClaims(signer.id)));
    expect(proven).toMatchObject({ id: signer.id, serial: signer.serial, amr: "hwk" });
    const toIssuer = await signer.sign({ ...goodClaims(signer.id), aud: [issuer(env)] });
    expect(await authenticateByAssertion(env, undefined, toIssuer, TOKEN_URL)).toMatchObject({ id: signer.id });
  },
);

test("DEV-2 of one assertion shown many times at once one is taken", async () => {
  const signer = await aSigner();
  const assertion = await signer.sign(goodClaims(signer.id));
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => byAssertion(assertion)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

const changed: [string, (claims: JWTPayload) => JWTPayload][] = [
  ["for somebody else", (claims) => ({ ...claims, aud: "https://elsewhere.test/token" })],
  ["for nobody", ({ aud: _, ...claims }) => claims],
  ["from another issuer", (claims) => ({ ...claims, iss: "dev_01J00000000000000000000000" })],
  ["about another controller", (claims) => ({ ...claims, sub: "dev_01J00000000000000000000000" })],
  ["about an account", (claims) => ({ ...claims, sub: "acc_01J00000000000000000000000" })],
  ["without an end", ({ exp: _, ...claims }) => claims],
  ["that has expired", (claims) => ({ ...claims, exp: seconds() - 31 })],
  ["that lives for longer than a minute", (claims) => ({ ...claims, exp: seconds() + 90 })],
  ["made in the future", (claims) => ({ ...claims, iat: seconds() + 60 })],
  ["made long ago", (claims) => ({ ...claims, iat: seconds() - 3600 })],
  ["not good yet", (claims) => ({ ...claims, nbf: seconds() + 60 })],
  ["without an id", ({ jti: _, ...claims }) => claims],
  ["with an empty id", (claims) => ({ ...claims, jti: "" })],
];

test.each(changed)("DEV-2 an assertion %s is refused", async (_, change) => {
  const signer = await aSigner();
  await expect(byAssertion(await signer.sign(change(goodClaims(signer.id))))).rejects.toMatchObject({
    ...{ reason: "invalid_grant", status: 400 },
  });
});

const base64url = (value: unknown) =>
  btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

test.each<[string, (signer: Awaited<ReturnType<typeof aSigner>>) => Promise<string>]>([
  ["of another controller's key", async ({ id }) => (await aKeyPair()).sign(goodClaims(id))],
  ["of a key of another kind", async ({ id }) => (await aKeyPair("P-256")).sign(goodClaims(id))],
  ["of no signature", async ({ id }) => `${base64url({ alg: "none" })}.${base64url(goodClaims(id))}.`],
  [
    "made with the public key as a secret",
    async ({ id, publicKey }) => {
      const text = `${base64url({ alg: "HS256" })}.${base64url(goodClaims(id))}`;
      const raw = new TextEncoder().encode(JSON.stringify(publicKey));
      const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
      return `${text}.${btoa(String.fromCharCode(...new Uint8Array(mac)))
        .replaceAll("+", "-")
        .replaceAll("/", "_")
        .replaceAll("=", "")}`;
    },
  ],
  ["that is an access token", async ({ token }) => token],
  ["that is no token", async () => "guess"],
  ["that is nothing", async () => ""],
  ["that is a megabyte", async () => "a".repeat(1_000_000)],
])("DEV-2 an assertion %s is refused", async (_, make) => {
  const signer = await aSigner();
  await expect(byAssertion(await make(signer))).rejects.toMatchObject({ reason: "invalid_grant" });
});

test.each<[string, (id: string) => Promise<unknown>]>([
  ["banned", (id) => banController(env, "main", { id, reason: "stolen" }, SYSTEM)],
  ["reset", (id) => resetController(env, "main", { id }, SYSTEM)],
  ["deleted", (id) => deleteController(env, "main", { id }, SYSTEM)],
])("DEV-2 DEV-3 a %s controller's assertion is refused like any bad one", async (_, change) => {
  const signer = await aSigner();
  await change(signer.id);
  await expect(byAssertion(await signer.sign(goodClaims(signer.id)))).rejects.toMatchObject({
    reason: "invalid_grant",
  });
});

test("DEV-3 a controller that was banned proves itself again once the ban is lifted", async () => {
  const signer = await aSigner();
  await banController(env, "main", { id: signer.id, reason: "stolen" }, SYSTEM);
  await unbanController(env, "main", { id: signer.id }, SYSTEM);
  expect(await byAssertion(await signer.sign(goodClaims(signer.id)))).toMatchObject({ epoch: 2 });
});

test("DEV-2 assertions are remembered for as long as they could be shown again", async () => {
  const signer = await aSigner();
  const assertion = await signer.sign(goodClaims(signer.id));
  await byAssertion(assertion);
  await forgetUsedAssertions(env);
  await expect(byAssertion(assertion)).rejects.toMatchObject({ reason: "invalid_grant" });
  const hour = new Date(Date.now() + 3_600_000);
  await forgetUsedAssertions(env, hour);
  const left = await env.DB.prepare("SELECT count(*) AS n FROM used_assertions WHERE expires_at < ?")
    .bind(hour.getTime())
    .first();
  expect(left).toEqual({ n: 0 });
});

const rotate = ({ id, token }: { id: string; token: string }, body: unknown = {}) =>
  shield(`/devices/${id}/credentials/rotate`, { token, json: body });

test("DEV-3 a controller rotates its secret; the one before lives ten minutes more, one before that no longer", async () => {
  const controller = await aController();
  const first = await rotate(controller);
  expect(first.status).toBe(200);
  const { device_secret: second } = (await json(first)) as { device_secret: string };
  const at = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  expect(await bySecret(controller.serial, controller.secret, at(9))).toMatchObject({ id: controller.id });
  await expect(bySecret(controller.serial, controller.secret, at(11))).rejects.toMatchObject({
    reason: "invalid_credentials",
  });
  expect(await bySecret(controller.serial, second, at(11))).toMatchObject({ id: controller.id });

  const { device_secret: third } = (await json(await rotate(controller))) as { device_secret: string };
  await expect(bySecret(controller.serial, controller.secret)).rejects.toMatchObject({ reason: "invalid_credentials" });
  expect(await bySecret(controller.serial, second)).toMatchObject({ id: controller.id });
  expect(await bySecret(controller.serial, third)).toMatchObject({ id: controller.id });
});

test("DEV-3 rotations at once leave one credential that stays, and nobody without one", async () => {
  const controller = await aController();
  const answers = await Promise.all(Array.from({ length: 8 }, () => rotate(controller)));
  for (const { status } of answers) expect([200, 412]).toContain(status);
  const bodies = await Promise.all(answers.map(json));
  const secrets = bodies.flatMap(({ device_secret }) => (device_secret as string | undefined) ?? []);
  const tries = await Promise.allSettled(secrets.map((secret) => bySecret(controller.serial, secret)));
  expect(tries.some(({ status }) => status === "fulfilled")).toBe(true);
  const { results } = await env.DB.prepare(
    "SELECT id FROM controller_credentials WHERE device_id = ? AND revoked_at IS NULL AND expires_at IS NULL",
  )
    .bind(controller.id)
    .all();
  expect(results).toHaveLength(1);
});

test("DEV-3 a controller rotates from a secret to a key, once, and to no other's key", async () => {
  const controller = await aController();
  const [mine, other] = [await aKeyPair(), await aSigner()];
  expect(await refusal(await rotate(controller, { public_key: other.publicKey }))).toEqual([
    401,
    "device_credential_invalid",
  ]);
  for (const answer of [
    await rotate(controller, { public_key: mine.publicKey }),
    await rotate(controller, { public_key: mine.publicKey }),
  ])
    expect([answer.status, await json(answer)]).toEqual([200, {}]);
  expect(await byAssertion(await mine.sign(goodClaims(controller.id)))).toMatchObject({ id: controller.id });
});

test("DEV-3 TOK-2 nobody rotates another controller's credential", async () => {
  const [mine, other] = [await aController(), await aController()];
  expect(await refusal(await rotate({ id: other.id, token: mine.token }))).toEqual([404, "device_not_found"]);
  expect((await rotate({ id: other.id, token: (await aPerson()).token })).status).toBe(401);
  expect(await bySecret(other.serial, other.secret)).toMatchObject({ id: other.id });
});
