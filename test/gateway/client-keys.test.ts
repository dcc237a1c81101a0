import { env } from "cloudflare:test";
import { Hono } from "hono";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { type ClientEnv, knowClient, newClientKey } from "#gateway/clients/keys.ts";
import { onTextError } from "#gateway/wire.ts";
import { sha256 } from "#platform/crypto.ts";
import { envWith } from "../support/world.ts";
import { aClient } from "./gateway-world.ts";

const probe = new Hono<ClientEnv>();
probe.onError(onTextError);
probe.get("/", knowClient, (c) => c.json({ client: c.var.client, isOperator: c.var.isOperator }));

async function ask(authorization?: string, environment: Env = env) {
  const response = await probe.request("/", { headers: authorization ? { authorization } : {} }, environment);
  return response.status === 200 ? response.json() : `${response.status} ${await response.text()}`;
}

const open = () => envWith({ GATEWAY_OPEN: "1" });

test("a key is new each time, and its hash is that of the whole key", () => {
  const { key, hash } = newClientKey();
  expect(key).toMatch(/^gwk_[A-Za-z0-9_-]{43}$/);
  expect(hash).toBe(sha256(key));
  expect(newClientKey().key).not.toBe(key);
});

test("Hole 13: a gateway client is known by its key, and by nothing that it says", async () => {
  const { msisdn, key } = await aClient();
  expect(await ask(`Bearer ${key}`)).toEqual({ client: msisdn, isOperator: false });
  expect(await ask(`bearer  ${key}`)).toEqual({ client: msisdn, isOperator: false });
});

test("the operator's token is not a client, and may act for all", async () => {
  expect(await ask(`Bearer ${env.INTEGRATION_TOKEN}`)).toEqual({ client: null, isOperator: true });
});

test.each([
  ["nothing", undefined],
  ["a key of nobody", `Bearer ${newClientKey().key}`],
  ["no key at all", "Bearer x"],
  ["a bare scheme", "Bearer"],
  ["a key as a password", `Basic ${btoa(`x:${newClientKey().key}`)}`],
])("Hole 13: %s is refused", async (_, authorization) => {
  expect(await ask(authorization)).toBe("401 unknown gateway client");
});

test("Hole 13: a key of another operator's client is refused", async () => {
  const { key } = await aClient();
  expect(await ask(`Bearer ${key}`, envWith({ OPERATOR: "other" }))).toBe("401 unknown gateway client");
});

test("an open gateway lets strangers pass, but not with a wrong key", async () => {
  expect(await ask(undefined, open())).toEqual({ client: null, isOperator: false });
  expect(await ask(`Bearer ${newClientKey().key}`, open())).toBe("401 unknown gateway client");
});
