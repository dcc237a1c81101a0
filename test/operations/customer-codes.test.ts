import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { sendLoginCode } from "#identity/accounts/support-codes.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { operatorOf } from "#operator/operators.ts";
import { randomId } from "#platform/crypto.ts";
import { anAdmin, ops } from "../support/ops.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { aPhone, outside } from "../support/world.ts";

const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const support = () => anAdmin({ roles: [{ role: "support", operator: "main" }] });
let last = 0;
const from = () => ({ "cf-connecting-ip": `198.51.101.${++last}` });

test("OPS-2 OPS-4 support makes an account and sends the code, which only the customer sees", async () => {
  const { codeFor } = outside();
  const { cookie } = await support();
  const phone = aPhone();
  const json = { operator: "main", login: { type: "phone", value: `+${phone}` }, name: "Пётр" };
  const made = await ops("/customers", { cookie, json, headers: from() });
  expect(made.status).toBe(201);
  const text = await made.text();
  const { id, status, activation } = JSON.parse(text);
  expect([status, activation]).toEqual([
    "inactive",
    { message_id: expect.any(String), channel: "sms", expires_in: 600 },
  ]);
  const code = await codeFor(phone);
  expect(code).toMatch(/^\d{6}$/);
  expect(text).not.toContain(code);
  const audit = await env.DB.prepare("SELECT * FROM audit_log WHERE target_id = ?").bind(id).all();
  expect(JSON.stringify(audit.results)).not.toContain(code);
  expect(JSON.stringify(audit.results)).not.toContain(phone);

  const again = await ops(`/customers/${id}/send-activation`, { cookie, json: { channel: "sms" }, headers: from() });
  expect(await codeIn(again)).toEqual([429, "resend_too_soon"]);
  const client = await aClient();
  const activated = await shield("/accounts/activate", {
    json: { client_id: client.id, login: `+${phone}`, code },
    headers: from(),
  });
  expect(activated.status).toBe(200);
  expect(await codeIn(await ops("/customers", { cookie, json, headers: from() }))).toEqual([409, "identifier_taken"]);
  const late = await ops(`/customers/${id}/send-activation`, { cookie, json: {}, headers: from() });
  expect(await codeIn(late)).toEqual([409, "already_in_state"]);
});

test("OPS-4 a code that support sends signs the customer in, and support never sees it", async () => {
  const { codeFor } = outside();
  const { cookie } = await support();
  const { account, phone, client } = await aPerson();
  const sent = await ops(`/customers/${account}/send-login-code`, {
    cookie,
    json: { channel: "sms" },
    headers: from(),
  });
  expect(sent.status).toBe(202);
  const code = await codeFor(phone);
  expect(await sent.text()).not.toContain(code);
  const answer = await shield("/auth/login", {
    json: { client_id: client, method: "sms", login: `+${phone}`, code },
    headers: from(),
  });
  expect(answer.status).toBe(200);
  const list = await ops(`/customers/${account}/messages`, { cookie });
  await vi.waitFor(() => expect(list.ok).toBe(true));
  const messages = await list.text();
  expect(messages).toContain("***");
  for (const secret of [code, phone]) expect(messages).not.toContain(secret);
});

test("OPS-4 a code that support sends is good for ten minutes: whoever is on the phone has to find it first", async () => {
  const { codeFor } = outside();
  const { account, phone, client } = await aPerson();
  const nineMinutesAgo = new Date(Date.now() - 540_000);
  const operator = (await operatorOf(env, "main"))!;
  const sent = await sendLoginCode(env, operator, account, "sms", SYSTEM, nineMinutesAgo);
  expect(sent.expires_in).toBe(600);
  const json = { client_id: client, method: "sms", login: `+${phone}`, code: await codeFor(phone) };
  expect((await shield("/auth/login", { json, headers: from() })).status).toBe(200);
});

test.each([
  ["an address of nobody", { channel: "email" }, 422, "channel_unavailable"],
  ["a carrier pigeon", { channel: "pigeon" }, 422, "validation_failed"],
])("OPS-4 no code goes to %s", async (_, json, status, code) => {
  const { cookie } = await support();
  const { account } = await aPerson();
  const answer = await ops(`/customers/${account}/send-login-code`, { cookie, json, headers: from() });
  expect(await codeIn(answer)).toEqual([status, code]);
});

test("OPS-4 ACC-9 a code goes out as soon as a ban has had its time", async () => {
  const { cookie } = await support();
  const { account } = await aPerson();
  const send = () => ops(`/customers/${account}/send-login-code`, { cookie, json: {}, headers: from() });
  const until = (time: number) =>
    env.DB.prepare("UPDATE accounts SET status = 'banned', ban_until = ? WHERE id = ?").bind(time, account).run();
  await until(Date.now() + 60_000);
  expect(await codeIn(await send())).toEqual([403, "account_banned"]);
  await until(Date.now() - 1000);
  expect((await send()).status).toBe(202);
});

test("OPS-2 an account can be made without a code, by address too", async () => {
  const { cookie } = await support();
  const json = { login: { type: "email", value: `${randomId(6)}@example.net` }, send_activation: false };
  const made = await ops("/customers", { cookie, json, headers: from() });
  expect([made.status, await made.json()]).toEqual([
    201,
    expect.objectContaining({ activation: null, status: "inactive" }),
  ]);
  const bad = { login: { type: "phone", value: "12345" } };
  expect(await codeIn(await ops("/customers", { cookie, json: bad, headers: from() }))).toEqual([
    422,
    "identifier_invalid",
  ]);
});
