import { exportJWK, exportPKCS8, generateKeyPair, importJWK, jwtVerify } from "jose";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { type Env, settings } from "#env.ts";
import { type NewPush, pushAtOnce } from "#messaging/push/push.ts";
import { randomId } from "#platform/crypto.ts";
import { envWith, outside } from "../support/world.ts";
import { after, anOperator, NOW, printed } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

let pem: string;
let publicKey: Awaited<ReturnType<typeof importJWK>>;

beforeAll(async () => {
  const pair = await generateKeyPair("PS256", { extractable: true });
  pem = await exportPKCS8(pair.privateKey);
  publicKey = await importJWK(await exportJWK(pair.publicKey), "PS256");
});

const TOKEN_URL = "https://oauth-login.cloud.huawei.com/oauth2/v3/token";
const DATA = { server: "s", extension: "2000000001", pass: "s3cret" };

/** An operator with an account at Huawei of its own, and what is announced of its tokens. */
function anAccount() {
  const announced: unknown[] = [];
  const sub_account = randomId();
  const HMS_SERVICE_ACCOUNT = JSON.stringify({
    project_id: "388421841",
    key_id: "key-1",
    private_key: pem,
    sub_account,
  });
  const SIGNALS = { send: async (signal: unknown) => void announced.push(signal) } as never;
  const made = anOperator({ HMS_SERVICE_ACCOUNT, HMS_URL: "https://hms.test", SIGNALS } as Partial<Env>);
  return { ...made, announced, sub_account };
}

const call: Omit<NewPush, "install"> = {
  content: { kind: "call", data: DATA, notice: { title: "Входящий вызов", body: "Подъезд 2" } },
  ...{ purpose: "call", expiresAt: after(30) },
};
const text: Omit<NewPush, "install"> = {
  content: { kind: "text", data: { action: "inbox" }, notice: { title: "Письмо", body: "Текст" } },
  ...{ purpose: "inbox", expiresAt: after(600) },
};

const send = (env: Env, push: Omit<NewPush, "install">, token = `harmony-${randomId()}`) => {
  const install = { platform: "harmony", token, service: null, voipToken: null, production: true } as const;
  return pushAtOnce(env, { ...push, install }, NOW);
};

const said = (code: string, msg: unknown = "Success", status = 200) =>
  Response.json({ code, msg: typeof msg === "string" ? msg : JSON.stringify(msg), requestId: "1" }, { status });

test("Huawei gets a call of HarmonyOS as a call, with a bearer that the service account has signed", async () => {
  const world = outside(() => said("80000000"));
  const { env, sub_account } = anAccount();
  const token = `harmony-${randomId()}`;
  expect(await send(env, call, token)).toEqual({ result: "sent" });
  const [request] = world.asked;
  expect([request!.method, request!.url]).toEqual(["POST", "https://hms.test/v3/388421841/messages:send"]);
  expect(request!.headers.get("push-type")).toBe("10");
  expect(await request!.json()).toEqual({
    payload: { extraData: JSON.stringify(DATA) },
    target: { token: [token] },
    pushOptions: { ttl: 30 },
  });
  const bearer = request!.headers.get("authorization")!.replace("Bearer ", "");
  const { payload, protectedHeader } = await jwtVerify(bearer, publicKey, { issuer: sub_account, audience: TOKEN_URL });
  expect(protectedHeader).toEqual({ alg: "PS256", typ: "JWT", kid: "key-1" });
  expect(payload.exp! - payload.iat!).toBe(3600);
});

test("a text is a notice, and one signature serves many", async () => {
  const world = outside(() => said("80000000"));
  const { env } = anAccount();
  await send(env, text);
  await send(env, text);
  const bearers = world.asked.map(({ headers }) => headers.get("authorization"));
  expect(bearers[0]).toBe(bearers[1]);
  expect(world.asked[0]!.headers.get("push-type")).toBe("0");
});

test("without Huawei's grant for calls a call comes as a notice, which has all of it for the tap", async () => {
  const world = outside((request) =>
    request.headers.get("push-type") === "10"
      ? said("80300007", { illegalTokens: { noPushTypeRight10: ["x"] }, failure: 1 })
      : said("80000000"),
  );
  expect(await send(anAccount().env, call)).toEqual({ result: "sent" });
  expect(await world.asked[1]!.json()).toMatchObject({
    payload: {
      notification: {
        ...{ category: "VOIP", title: "Входящий вызов", body: "Подъезд 2" },
        clickAction: { actionType: 0, data: DATA },
      },
    },
  });
});

test("a bearer that Huawei does not take is replaced at once, and only once", async () => {
  printed();
  const world = outside(() => said("80200003", "expired", 401));
  expect(await send(anAccount().env, text)).toMatchObject({ result: "later", alarm: true });
  expect(world.asked).toHaveLength(2);
});

test.each([
  ["a token that is none", "80300007", { illegalTokens: { tokenFormatError: ["x"] } }, 1],
  ["tokens that are over", "80300007", "All the tokens are invalid", 1],
  ["another project's token", "80300007", { illegalTokens: { noRight: ["x"] } }, 0],
  ["an app that is not set up", "80100000", { illegalTokens: { appinfoError: ["x"] } }, 0],
])("of %s Huawei says %s", async (_, code, msg, forgotten) => {
  printed();
  outside(() => said(code, msg));
  const { env, announced } = anAccount();
  expect(await send(env, text)).toMatchObject({ result: "refused" });
  expect(announced).toHaveLength(forgotten);
});

test("an account that is none is named and not quoted", () => {
  const broken = envWith({ HMS_SERVICE_ACCOUNT: JSON.stringify({ project_id: "1", private_key: "s3cret" }) });
  expect(() => settings(broken)).toThrow("HMS_SERVICE_ACCOUNT");
  expect(() => settings(broken)).not.toThrow("s3cret");
});
