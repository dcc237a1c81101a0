import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { randomId } from "#platform/crypto.ts";
import { aClient, shield } from "../support/shield.ts";
import { aPhone, envWith, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const GOOD = "correct horse battery staple";

/** No waiting between two codes. */
const hasty = () => envWith({ OTP_RESEND_GAPS: "0,0,0,0,0" });

async function aRegistration(fields: Record<string, unknown> = {}, environment = env) {
  const client = (fields.client_id as string) ?? (await aClient()).id;
  const phone = aPhone();
  const response = await shield("/accounts", {
    json: { client_id: client, login: { type: "phone", value: `+${phone}` }, ...fields },
    env: environment,
  });
  return { client, phone, response, challenge: await response.clone().json<Record<string, unknown>>() };
}

const statusOf = async (phone: string) => {
  const { results } = await env.DB.prepare(
    `SELECT a.id, a.status, a.name FROM accounts AS a JOIN account_identifiers AS i ON i.account_id = a.id WHERE i.value = ?`,
  )
    .bind(phone)
    .all<{ id: string; status: string; name: string | null }>();
  return results;
};

const eventsOf = async (id: string) => {
  const { results } = await env.DB.prepare("SELECT type, agg_seq FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(id)
    .all<{ type: string; agg_seq: number }>();
  return results.map(({ type, agg_seq }) => [agg_seq, type]);
};

test("ACC-1 ACC-2 who registers is stored inactive, as they said, and then gets one code", async () => {
  const { smsTo, codeFor } = outside();
  const { phone, response, challenge } = await aRegistration({ name: "Иван", lang: "ru" });
  expect(response.status).toBe(202);
  expect(challenge).toEqual({
    ...{ challenge_id: expect.stringMatching(/^ch_/), channel: "sms", code_length: 6 },
    ...{ expires_in: 300, resend_in: 60 },
  });
  expect(await statusOf(phone)).toEqual([{ id: expect.stringMatching(/^acc_/), status: "inactive", name: "Иван" }]);
  expect(await codeFor(phone)).toMatch(/^\d{6}$/);
  expect(smsTo(phone)).toHaveLength(1);
});

test("SCN-1 ACC-3 an account is made: registered, refused with another login, activated, signed in, and told of", async () => {
  const { codeFor } = outside();
  const { client, phone, challenge } = await aRegistration({ name: "Иван" });
  const [row] = await statusOf(phone);
  const code = await codeFor(phone);
  const { challenge_id } = challenge;

  const wrong = await shield("/accounts/activate", {
    json: { client_id: client, login: aPhone(), challenge_id, code },
  });
  expect(wrong.status).toBe(401);
  expect(await wrong.json()).toMatchObject({ code: "code_invalid", tries_left: 4 });
  expect(await statusOf(phone)).toMatchObject([{ status: "inactive" }]);

  const right = await shield("/accounts/activate", {
    json: { client_id: client, login: phone, challenge_id, code, device: { id: randomId(), name: "Pixel 9" } },
  });
  expect(right.status).toBe(200);
  const { account, tokens } = await right.json<{
    account: Record<string, unknown>;
    tokens: { access_token: string };
  }>();
  expect(account).toMatchObject({ id: row!.id, name: "Иван", status: "active" });
  expect(account.identifiers).toMatchObject([{ type: "phone", value: phone, verified_at: expect.any(String) }]);
  expect(tokens.access_token).toEqual(expect.any(String));
  expect(await eventsOf(row!.id)).toEqual([
    [1, "account.created"],
    [2, "account.activated"],
  ]);
});
