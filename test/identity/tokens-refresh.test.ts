import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { clientOf } from "#identity/clients/clients.ts";
import type { Client } from "#identity/clients/tables.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { refresh } from "#identity/tokens/refresh.ts";
import { validate } from "#identity/tokens/validate.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { outside } from "../support/world.ts";

outside(); // owners are told of what happens to their accounts

const later = () => {};
const reason = (code: string) => expect.objectContaining({ reason: code });
const at = (ms: number) => new Date(Date.now() + ms);

async function signedIn() {
  const person = await aPerson();
  const client = await clientOf(env, person.client);
  return { ...person, client, first: person.tokens.refresh_token! };
}

const exchange = (client: Client, text: string, now = new Date()) => refresh(env, client, text, SYSTEM, later, now);
const isAlive = (token: string) =>
  validate(env, token, { kinds: ["account"], freshness: "strict" }, later).then(
    () => true,
    () => false,
  );

test("TOK-9 a lost answer is given again inside the grace, and its successor goes on", async () => {
  const { client, first } = await signedIn();
  const lost = await exchange(client, first);
  const again = await exchange(client, first, at(29_000));
  expect(again.refresh_token).toBe(lost.refresh_token);
  const next = await exchange(client, again.refresh_token!, at(30_000));
  expect(next.refresh_token).not.toBe(again.refresh_token);
  expect(await isAlive(next.access_token)).toBe(true);
});

test("TOK-9 just past the grace a used token ends the session", async () => {
  const { client, first, tokens } = await signedIn();
  const start = new Date();
  const next = await exchange(client, first, start);
  const past = new Date(start.getTime() + 30_001);
  await expect(exchange(client, first, past)).rejects.toEqual(reason("refresh_reused"));
  await expect(exchange(client, next.refresh_token!, past)).rejects.toEqual(reason("invalid_grant"));
  expect(await isAlive(next.access_token)).toBe(false);
  const { results } = await env.DB.prepare("SELECT action FROM audit_log WHERE target_id = ? ORDER BY n")
    .bind(tokens.session_id)
    .all();
  expect(results.map(({ action }) => action)).toEqual(["session.opened", "session.refresh_reused"]);
});

test("TOK-9 a token two generations old ends the session even inside the grace", async () => {
  const { client, first } = await signedIn();
  const second = await exchange(client, first);
  const third = await exchange(client, second.refresh_token!);
  await expect(exchange(client, first)).rejects.toEqual(reason("refresh_reused"));
  await expect(exchange(client, third.refresh_token!)).rejects.toEqual(reason("invalid_grant"));
});

test("TOK-9 what is no token of ours changes nothing", async () => {
  const { client, first } = await signedIn();
  const [version, kid, session, , mac] = first.split(".");
  const forged = [
    ...["", "rt1", "rt1.k1", `${first}x`, first.slice(0, -1), first.replace("rt1", "rt2")],
    [version, kid, session, "2", mac].join("."),
    [version, kid, session, "0", mac].join("."),
    [version, "k9", session, "1", mac].join("."),
    [version, kid, `ses_${"0".repeat(26)}`, "1", mac].join("."),
    [version, kid, session, "1", mac!.replace(/^./, (letter) => (letter === "A" ? "B" : "A"))].join("."),
  ];
  for (const text of forged) await expect(exchange(client, text)).rejects.toEqual(reason("invalid_grant"));
  expect((await exchange(client, first)).refresh_token).toMatch(/^rt1\./);
});

test("TOK-9 another client's token is refused, and stays good for its own", async () => {
  const { client, first } = await signedIn();
  const other = await clientOf(env, (await aClient()).id);
  await expect(exchange(other, first)).rejects.toEqual(reason("invalid_grant"));
  const elsewhere = await clientOf(env, (await aClient({ operator: "elsewhere" })).id);
  await expect(exchange(elsewhere, first)).rejects.toEqual(reason("invalid_grant"));
  expect((await exchange(client, first)).expires_in).toBe(600);
});

test("TOK-9 a session that nobody refreshes ends after a month, and every session after three", async () => {
  const day = 86_400_000;
  const idle = await signedIn();
  await expect(exchange(idle.client, idle.first, at(30 * day + 1000))).rejects.toEqual(reason("invalid_grant"));
  const { client, first } = await signedIn();
  let token = first;
  for (const days of [29, 58, 87]) token = (await exchange(client, token, at(days * day))).refresh_token!;
  const last = await exchange(client, token, at(90 * day - 60_000));
  expect(last.refresh_expires_in).toBeLessThanOrEqual(60);
  expect(last.expires_in).toBeLessThanOrEqual(60);
  await expect(exchange(client, last.refresh_token!, at(90 * day + 1000))).rejects.toEqual(reason("invalid_grant"));
});

test("TOK-9 a refreshed token carries the account's present epoch", async () => {
  const { client, first, account, token } = await signedIn();
  await env.DB.prepare("UPDATE accounts SET epoch = epoch + 1 WHERE id = ?").bind(account).run();
  expect(await isAlive(token)).toBe(false);
  const next = await exchange(client, first);
  expect(await isAlive(next.access_token)).toBe(true);
});

test("TOK-9 the token endpoint says reuse with its code and number", async () => {
  const { client, first } = await signedIn();
  const form = { grant_type: "refresh_token", refresh_token: first, client_id: client.id };
  const second = await shield("/oauth/token", { form });
  expect([second.status, second.headers.get("cache-control")]).toEqual([200, "no-store"]);
  const { refresh_token } = await second.json<{ refresh_token: string }>();
  await shield("/oauth/token", { form: { ...form, refresh_token } });
  const reused = await shield("/oauth/token", { form });
  expect(reused.status).toBe(400);
  expect(await reused.json()).toEqual({
    error: "invalid_grant",
    error_description: expect.stringMatching(/./),
    code: "refresh_reused",
    num: 1016,
  });
});

test("TOK-9 a confidential client's session is refreshed with its secret only", async () => {
  const { id, secret } = await aClient({ kind: "confidential" });
  const { tokens } = await aPerson({ client: id });
  const form = { grant_type: "refresh_token", refresh_token: tokens.refresh_token!, client_id: id };
  expect((await shield("/oauth/token", { form })).status).toBe(401);
  const basic = { user: id, password: secret };
  expect((await shield("/oauth/token", { form, basic: { ...basic, password: "wrong" } })).status).toBe(401);
  expect((await shield("/oauth/token", { form: { ...form, client_secret: secret } })).status).toBe(401);
  expect((await shield("/oauth/token", { form, basic })).status).toBe(200);
});
