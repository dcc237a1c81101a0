import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { settings } from "#env.ts";
import { aContract, aHome, aPhone, aResident, envWith, mobile, outside } from "../support/world.ts";

// Defects of the old server that no single method had (docs/defects.md). The others are in the tests of their methods.

const broken = envWith({
  DB: {
    prepare: () => {
      throw new Error("D1_ERROR: no such place; secret 12345");
    },
    batch: () => Promise.reject(new Error("D1_ERROR")),
  },
});

test.each(["user/sendName", "address/openDoor", "address/intercom"])(
  "Defects 6, 30: %s during an outage signs nobody out and shows nothing of the inside",
  async (method) => {
    const { token } = await aResident();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const body = { name: "Анна", flatId: 1, domophoneId: 11, doorId: 1 };
    const response = await mobile(method, body, { token, env: broken });
    expect(response.status).toBeGreaterThanOrEqual(500);
    const text = await response.text();
    expect(JSON.parse(text)).toEqual({ code: response.status, name: expect.any(String), message: expect.any(String) });
    expect(text).not.toMatch(/D1_ERROR|12345|at \w+/);
  },
);

test("Defect 31: no secret has a value in the source", () => {
  const secrets = /(_SECRET|_TOKEN|_PASS|_PASSWORD|_KEY|_KEYS|PEPPERS|_ACCOUNT)$/;
  const bare = Object.fromEntries(Object.entries(env).filter(([, value]) => typeof value !== "string"));
  const needed = {
    ...{ ENVIRONMENT: "development", SMS_TRANSPORT: "log", KANNEL_HOOK_SECRET: "0123456789abcdef" },
    ...{ INTEGRATION_TOKEN: "0123456789abcdef", MASTER_KEY: env.MASTER_KEY },
    ...{ SIGNING_KEYS: env.SIGNING_KEYS, PEPPERS: env.PEPPERS },
  };
  const config = settings({ ...bare, ...needed } as never);
  const given = Object.entries(config).filter(
    ([name, value]) => secrets.test(name) && value !== undefined && value !== "",
  );
  expect(given.map(([name]) => name).filter((name) => !(name in needed))).toEqual([]);
});

test("Defect 47: two hundred failures and successes at once each get their own answer", async () => {
  const phone = aPhone();
  const [{ token }, { uid }] = [await aResident({ phone }), await aHome({ phones: [phone] })];
  outside();
  const asked = Array.from({ length: 50 }, () => [
    mobile("address/intercom", { flatId: uid }, { token }),
    mobile("address/intercom", { flatId: 1 }, { token }),
    mobile("address/intercom", {}, { token }),
    mobile("address/intercom", { flatId: uid }, { token: "nobody's" }),
  ]).flat();
  const answers = await Promise.all(asked);
  const expected = [200, 404, 422, 401];
  for (const [n, answer] of answers.entries()) {
    expect(answer.status).toBe(expected[n % 4]);
    expect(await answer.json()).toMatchObject({ code: expected[n % 4] });
  }
});

test("Defect 65: the reviewer's sign-in changes nothing for anybody else", async () => {
  const [reviewer, phone] = [aPhone(), aPhone()];
  const somebody = await aResident({ phone });
  await aContract({ phones: [phone] });
  const environment = envWith({ TEST_USER: reviewer, TEST_PASS: "4711" });
  const look = async () => {
    const [list, options] = await Promise.all([
      mobile("address/getAddressList", undefined, { token: somebody.token, env: environment }),
      mobile("ext/options", undefined, { token: somebody.token, env: environment }),
    ]);
    return [await list.json(), await options.json()];
  };
  const before = await look();
  outside();
  await mobile("user/requestCode", { userPhone: reviewer }, { env: environment });
  const signed = await mobile("user/confirmCode", { userPhone: reviewer, smsCode: "4711" }, { env: environment });
  const { accessToken } = (await signed.json<{ data: { accessToken: string } }>()).data;
  await mobile("address/getAddressList", undefined, { token: accessToken, env: environment });
  expect(await look()).toEqual(before);
});
