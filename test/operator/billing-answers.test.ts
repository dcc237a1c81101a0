import { afterEach, expect, test, vi } from "vitest";
import * as z from "zod";
import { accountsOf } from "#operator/billing-accounts.ts";
import { askFunction, Uid } from "#operator/billing-http.ts";
import { statementOf } from "#operator/billing-money.ts";
import { joinByPassword, newPassword } from "#operator/billing-people.ts";
import { aPhone, envWith, outside } from "../support/world.ts";

// What an operator's own billing says of money and secrets, in whatever form.

const remote = envWith({ BILLING: "http", BILLING_URL: "https://answers.test", BILLING_TOKEN: "t" });

afterEach(() => {
  vi.restoreAllMocks();
});

/** A billing that knows one contract, with this bill. */
const billsWith = (bill: object) =>
  outside((request) =>
    Response.json({ result: request.url.endsWith("billingList") ? [{ login: "20017", address: "x", ...bill }] : [] }),
  );

test.each([
  [12.5, 1_250],
  ["12.5", 1_250],
  ["-0.50", -50],
  [-199.9, -19_990],
  [0.1 + 0.2, 30],
  [1019.99, 101_999],
  ["450.125", 45_013],
  [450.129, 45_013],
  ["", 0],
  [null, 0],
])("a balance of %j roubles is %i kopecks", async (balans, kopecks) => {
  billsWith({ balans });
  expect(await accountsOf(remote, aPhone())).toMatchObject([{ balance: kopecks, payAdvice: 0 }]);
});

test.each(["much", "12,5", "1e3", "1 200", " ", 1e21, true, {}, [12], "0x10", "12.5.1"])(
  "a balance of %j is an honest failure, and no balance of 0",
  async (balans) => {
    billsWith({ balans });
    const failure = { code: "unavailable", reason: "billing_down" };
    await expect(accountsOf(remote, aPhone())).rejects.toMatchObject(failure);
    outside(() => Response.json({ result: [{ id: 1, date: "09:30 01.08.2026", sum: balans, dsc: "x" }] }));
    await expect(statementOf(remote, { uid: 1, login: aPhone() }, 2026)).rejects.toMatchObject(failure);
  },
);

test("passwords are not kept, neither those that a billing tells nor those that it is asked about", async () => {
  const login = aPhone();
  const world = outside((request) =>
    Response.json({ result: request.url.endsWith("getRestorePasswd") ? "pa55word" : true }),
  );
  expect(await newPassword(remote, login)).toBe("pa55word");
  const question = { login, password: "guess", phone: aPhone() };
  expect(await joinByPassword(remote, question)).toBe(true);
  // Whatever was kept would answer these.
  await askFunction(remote, "getRestorePasswd", { contract: login }, z.string());
  await askFunction(remote, "addMyPhone", { ...question, phone: Number(question.phone) }, z.boolean());
  expect(world.asked.map(({ url }) => url.split("/").at(-1))).toEqual([
    ...["getRestorePasswd", "addMyPhone", "getRestorePasswd", "addMyPhone"],
  ]);
});

test("what only decides is asked for anew and kept for others", async () => {
  const world = outside(() => Response.json({ result: 501 }));
  const plate = aPhone();
  await askFunction(remote, "uidFromCarNumber", { plate }, Uid, { fresh: true });
  await askFunction(remote, "uidFromCarNumber", { plate }, Uid);
  expect(world.asked).toHaveLength(1);
});
