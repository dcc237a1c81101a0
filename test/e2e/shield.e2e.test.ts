import { jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { codeIn, type Operator, startOperator } from "./support/operator.ts";
import { ask, BOOTSTRAP_TOKEN, firstAdmin, Target } from "./support/shield.ts";

// Shield as its clients meet it: the running Worker, Kannel and an SMSC. Each test goes on where the one before it stopped.

const PHONE = "79161250001";
const OTHER = "79161250002";
const MAIL = "anna@example.net";
const PASSWORD = "seventeen quiet lamps";

let operator: Operator;
let target: Target;
let cookie: string;
let account: string;
let tokens: { access_token: string; refresh_token: string; session_id: string };

const api = (path: string) => `${operator.yardgate.url}/shield/v1${path}`;
const ops = (path: string) => `${operator.yardgate.url}/ops/v1${path}`;
const phone = { type: "phone", value: `+${PHONE}` };
const client_id = "cli_app";

/** The code in the n-th SMS to the phone. */
const sms = (to: string, n = 1) =>
  eventually(`SMS ${n} to ${to}`, () => {
    const message = operator.smsc.to(to)[n - 1];
    return message && codeIn(message);
  });

/** The code in the n-th mail to the address, as development prints it. */
const mail = (to: string, n = 1) =>
  eventually(`mail ${n} to ${to}`, () => {
    const lines = operator.yardgate.output().split("\n");
    const mails = lines.filter((line) => line.startsWith("{") && line.includes(`"to":"${to}"`));
    return /(\d{6})"?\}?$/.exec(JSON.parse(mails[n - 1] ?? '{"text":""}').text)?.[1];
  });

const notifications = (kind: string, id: string) =>
  operator.yardgate
    .rows("SELECT type, agg_seq FROM notifications WHERE agg_kind = ? AND agg_id = ? ORDER BY agg_seq", kind, id)
    .map(({ type, agg_seq }) => `${agg_seq} ${type}`);

beforeAll(async () => {
  operator = await startOperator({ BOOTSTRAP_TOKEN, OTP_RESEND_GAPS: "1,1,1,1,1" });
  target = await Target.start();
});

afterAll(async () => {
  await target?.close();
  await operator?.close();
});

test("SCN-1 somebody registers, proves the phone, and signs in", async () => {
  const asked = await ask(api("/accounts"), { client_id, login: phone, password: PASSWORD, name: "Анна" });
  expect(asked).toMatchObject({ status: 202, body: { channel: "sms", code_length: 6 } });
  const { challenge_id } = asked.body;
  expect(operator.yardgate.rows("SELECT status FROM accounts WHERE challenge_id = ?", challenge_id)).toEqual([
    { status: "inactive" },
  ]);

  const code = await sms(PHONE);
  expect(code).toMatch(/^\d{6}$/);
  const credentials = { client_id, method: "password", login: phone.value, password: PASSWORD };
  expect((await ask(api("/auth/login"), credentials)).status).toBe(401);

  const activate = (login: unknown) => ask(api("/accounts/activate"), { client_id, login, challenge_id, code });
  expect(await activate({ type: "phone", value: `+${OTHER}` })).toMatchObject({
    status: 401,
    body: { code: "code_invalid", num: 1008 },
  });
  const activated = await activate(phone);
  expect(activated).toMatchObject({ status: 200, body: { account: { name: "Анна" } } });
  account = activated.body.account.id;
  expect((await activate(phone)).status).toBe(401);

  const signedIn = await ask(api("/auth/login"), credentials);
  expect(signedIn).toMatchObject({ status: 200, body: { token_type: "Bearer", account: { id: account } } });
  tokens = signedIn.body;
  expect(operator.smsc.to(PHONE)).toHaveLength(1);
  expect(notifications("account", account)).toEqual(["1 account.created", "2 account.activated"]);
});

test("SCN-2 the same person signs in by SMS and by a check code, and a controller by its secret", async () => {
  const challenge = await ask(api("/auth/challenges"), { client_id, login: phone, purpose: "login" });
  expect(challenge.status).toBe(202);
  const { challenge_id } = challenge.body;
  const bySms = { client_id, method: "sms", login: phone.value, challenge_id, code: await sms(PHONE, 2) };
  expect(await ask(api("/auth/login"), bySms)).toMatchObject({ status: 200, body: { account: { id: account } } });
  expect((await ask(api("/auth/login"), bySms)).status).toBe(401);

  const token = tokens.access_token;
  const added = await ask(api("/me/identifiers"), { type: "email", value: MAIL }, { token });
  expect(added.status).toBe(202);
  const { body: me } = await ask(api("/me"), undefined, { token });
  const { id } = me.identifiers.find(({ type }: { type: string }) => type === "email") ?? {};
  const identifier = id ?? added.body.id;
  const proof = { challenge_id: added.body.challenge_id, code: await mail(MAIL) };
  expect((await ask(api(`/me/identifiers/${identifier}/verify`), proof, { token })).status).toBe(200);

  await new Promise((resolve) => setTimeout(resolve, 1100));
  const check = await ask(api("/auth/challenges"), {
    client_id,
    login: { type: "email", value: MAIL },
    purpose: "login",
  });
  expect(check).toMatchObject({ status: 202, body: { channel: "email" } });
  const byMail = {
    client_id,
    method: "code",
    login: MAIL,
    ...{ challenge_id: check.body.challenge_id, code: await mail(MAIL, 2) },
  };
  expect(await ask(api("/auth/login"), byMail)).toMatchObject({ status: 200, body: { account: { id: account } } });

  cookie = await firstAdmin(operator.yardgate.url);
  const factory = {
    operator: "main",
    name: "Factory",
    app_type: "factory",
    kind: "confidential",
    scopes: ["devices:enroll"],
  };
  const made = await ask(ops("/clients"), factory, { cookie });
  expect(made.status).toBe(201);
  const serial = "SN-1250-0001";
  const basic = `${made.body.id}:${made.body.client_secret}`;
  const enrolled = await ask(api("/devices/enroll"), { serial, model: "hub-3", fw: "1.0" }, { basic });
  expect(enrolled).toMatchObject({ status: 201, body: { device_id: expect.stringMatching(/^dev_/) } });
  const byDevice = { client_id, method: "password", login: `dev:${serial}`, password: enrolled.body.device_secret };
  const device = await ask(api("/auth/login"), byDevice);
  expect(device.status).toBe(200);
  const own = `/devices/${enrolled.body.device_id}`;
  expect((await ask(api(own), undefined, { token: device.body.access_token })).status).toBe(200);
  expect((await ask(api("/me"), undefined, { token: device.body.access_token })).status).toBe(401);
});

test("SCN-3 a managed and a forwarded action pass with the right, and neither after the log-out", async () => {
  const token = tokens.access_token;
  const domain = await ask(api("/domains"), { name: "Дом" }, { token });
  expect(domain.status).toBe(201);
  const invite = () =>
    ask(api(`/domains/${domain.body.id}/invitations`), { to: { phone: `+${OTHER}` }, role: "member" }, { token });
  expect((await invite()).status).toBe(201);
  await eventually("the invitation", () => operator.smsc.to(OTHER)[0]);
  expect((await ask(api(`/domains/${domain.body.id}/invitations`), { to: null, role: "member" })).status).toBe(401);

  const route = { method: "GET", pattern: "/smarthome/bars/*", provider: target.url, auth: "required" };
  const made = await ask(ops("/gateway/routes"), route, { cookie });
  expect(made).toMatchObject({
    status: 201,
    body: { identity_key: { kid: expect.any(String), key: expect.any(String) } },
  });
  const forwarded = () =>
    ask(`${operator.yardgate.url}/smarthome/bars/7?deep=1`, undefined, {
      token,
      headers: { "x-shield-subject": "acc_FORGED" },
    });
  const answer = await eventually(
    "the new route",
    async () => {
      const tried = await forwarded();
      return tried.status === 200 && tried;
    },
    { withinMs: 60_000 },
  );
  expect(answer.body).toEqual({ bars: ["open"] });
  const { url, headers } = target.requests.at(-1)!;
  expect({ url, subject: headers["x-shield-subject"], bearer: headers.authorization }).toEqual({
    ...{ url: "/smarthome/bars/7?deep=1", subject: account, bearer: undefined },
  });
  const key = Buffer.from(made.body.identity_key.key, "base64");
  const { payload } = await jwtVerify(String(headers["x-shield-identity"]), key, { audience: target.url });
  expect(payload).toMatchObject({ sub: account, op: "main", htm: "GET" });
  expect(payload.exp! - payload.iat!).toBe(60);

  expect((await ask(api("/auth/logout"), {}, { token })).status).toBe(204);
  const before = target.requests.length;
  expect((await invite()).status).toBe(401);
  expect(
    (
      await eventually(
        "the edge to know",
        async () => {
          const tried = await forwarded();
          return tried.status === 401 && tried;
        },
        { withinMs: 60_000 },
      )
    ).body.code,
  ).toBe("session_revoked");
  expect(operator.smsc.to(OTHER)).toHaveLength(1);
  expect(target.requests.length).toBeGreaterThanOrEqual(before);
  const refreshed = await ask(
    api("/oauth/token"),
    new URLSearchParams({ grant_type: "refresh_token", client_id, refresh_token: tokens.refresh_token }),
  );
  expect(refreshed).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
});
