import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { aContract, aUid, envWith } from "../support/world.ts";
import { bill, json } from "./bill.ts";

const balanceOf = (uid: number) =>
  env.DB.prepare("SELECT balance FROM contracts WHERE uid = ?").bind(uid).first<number>("balance");
const statement = async (uid: number, year = 2026) => (await json("entries_list/", { uid, year })).entries;

test("a line of a statement changes the balance by its sum", async () => {
  const uid = await aContract({ balance: 10_000 });
  const charge = { date: "2026-08-01 00:00:00", dsc: "Абонентская плата", service: "Умный двор" };
  const period = { start: "2026-08-01", end: "2026-08-31" };
  const { id } = await json("entries_add/", { uid, sum: -199.9, ...charge, ...period });
  const paid = await json("entries_add/", { uid: String(uid), sum: "650", dsc: "Оплата", date: "2026-08-02" });
  expect(await balanceOf(uid)).toBe(10_000 - 19_990 + 65_000);
  expect(await statement(uid)).toEqual([
    { id: paid.id, date: "2026-08-02 00:00:00", sum: 650, dsc: "Оплата", service: null, start: null, end: null },
    { id, sum: -199.9, ...charge, ...period },
  ]);
});

test("one key books once, whoever repeats it", async () => {
  const uid = await aContract();
  const entry = { uid, sum: 1, dsc: "Оплата", key: `k${uid}` };
  const booked = await Promise.all([1, 2, 3].map(() => json("entries_add/", entry)));
  expect(new Set(booked.map(({ id }) => id)).size).toBe(1);
  expect(await balanceOf(uid)).toBe(100);
  const other = await aContract();
  expect((await bill("entries_add/", { ...entry, uid: other })).status).toBe(409);
  expect(await balanceOf(other)).toBe(0);
});

test("lines without a key are each their own", async () => {
  const uid = await aContract();
  for (let i = 0; i < 2; i++) await bill("entries_add/", { uid, sum: 1, dsc: "Оплата" });
  expect(await balanceOf(uid)).toBe(200);
});

test("a year begins and ends with the zone's midnight", async () => {
  const uid = await aContract();
  for (const date of ["2025-12-31 23:59:59", "2026-01-01 00:00:00", "2026-12-31 23:59:59", "2027-01-01 00:00:00"]) {
    await bill("entries_add/", { uid, sum: 1, dsc: date, date });
  }
  const said = (await statement(uid)).map(({ dsc }: { dsc: string }) => dsc);
  expect(said).toEqual(["2026-12-31 23:59:59", "2026-01-01 00:00:00"]);
});

test.each<[string, object, number]>([
  ["nobody's contract", { uid: aUid() }, 404],
  ["no sum", { sum: null }, 422],
  ["a sum in words", { sum: "much" }, 422],
  ["parts of a kopeck in a text", { sum: "0.001" }, 422],
  ["a sum beyond all money", { sum: 1e15 }, 422],
  ["a date that is none", { date: "2026-02-30" }, 422],
  ["a period that is none", { start: "yesterday" }, 422],
  ["no words", { dsc: " " }, 422],
])("entries_add/ refuses %s", async (_, wrong, status) => {
  const uid = await aContract();
  const response = await bill("entries_add/", { uid, sum: 1, dsc: "Оплата", ...wrong });
  expect([response.status, (await response.json<{ code: number }>()).code]).toEqual([status, status]);
  expect(await balanceOf(uid)).toBe(0);
});

test("another billing keeps its statements itself", async () => {
  const remote = { env: envWith({ BILLING: "http", BILLING_URL: "https://billing.example.net" }) };
  for (const name of ["entries_add/", "entries_list/"]) {
    expect((await bill(name, { uid: 1, year: 2026, sum: 1, dsc: "Оплата" }, remote)).status).toBe(409);
  }
});
