import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { createContract, deleteContract, editContract, listContracts } from "#operator/contracts.ts";
import { updateContract } from "#operator/queries.ts";
import { database } from "#platform/db.ts";
import { coversLess } from "#premises/contracts.ts";
import { aContract, aPhone, aUid } from "../support/world.ts";

const contractOf = async (uid: number) => (await listContracts(env)).find((contract) => contract.uid === uid);

test("parallel contracts without a number get different ones", async () => {
  const open = () => createContract(env, { login: `L${aUid()}`, address: "д. 3" });
  const uids = await Promise.all(Array.from({ length: 10 }, open));
  expect(new Set(uids).size).toBe(10);
});

test("a refused contract leaves no phone behind", async () => {
  const [uid, phone] = [await aContract(), aPhone()];
  const again = createContract(env, { uid, login: `L${aUid()}`, address: "д. 3", phones: [phone] });
  await expect(again).rejects.toMatchObject({ code: "conflict" });
  expect((await contractOf(uid))!.phones).toEqual([]);
});

test("of a device named twice the last state counts", async () => {
  const states = [
    { deviceId: 30, state: 1 as const },
    { deviceId: 30, state: 0 as const },
  ];
  const uid = await aContract({ devices: states });
  expect((await contractOf(uid))!.devices).toEqual([{ deviceId: 30, state: 0 }]);
});

test("more phones than a statement takes parameters are one change", async () => {
  const phones = Array.from({ length: 150 }, (_, i) => `7916${String(5_000_000 + i)}`);
  const uid = await aContract({ phones });
  expect((await contractOf(uid))!.phones).toEqual(phones);
});

test("a change is committed together with the statements that come along, or not at all", async () => {
  const [one, two] = [await aContract(), await aContract()];
  const login = (await contractOf(two))!.login;
  const along = () => [updateContract(database(env), "main", two, { address: "д. 9" })];

  await expect(editContract(env, { uid: one }, { login }, along)).rejects.toMatchObject({ code: "conflict" });
  expect((await contractOf(two))!.address).not.toBe("д. 9");

  const { before, after } = await editContract(env, { uid: one }, { state: 0 }, along);
  expect([before.state, after.state]).toEqual([2, 0]);
  expect((await contractOf(two))!.address).toBe("д. 9");
});

test("what is not there cannot be changed or removed", async () => {
  await expect(editContract(env, { login: "nobody" }, {})).rejects.toMatchObject({ code: "not_found" });
  await expect(deleteContract(env, { uid: aUid() })).rejects.toMatchObject({ code: "not_found" });
});

test("a contract covers less when a phone is gone or a device stands worse", () => {
  const person = { clientName: null, email: null, isConfirmed: false, payAdvice: null, tariffs: {} };
  const contract = {
    uid: 1,
    login: "1",
    address: "",
    flat: null,
    balance: 0,
    services: [],
    phones: ["1", "2"],
    ...person,
  };
  const before = { ...contract, state: 1 as const, devices: [{ deviceId: 30, state: 2 as const }] };
  expect(coversLess(before, before)).toBe(false);
  expect(coversLess(before, { ...before, state: 2, devices: [] })).toBe(false);
  expect(coversLess(before, { ...before, devices: [] })).toBe(true);
  expect(coversLess(before, { ...before, state: 0 })).toBe(true);
  expect(coversLess(before, { ...before, phones: ["2", "3"] })).toBe(true);
  expect(coversLess(before, { ...before, phones: ["1", "2", "3"] })).toBe(false);
});
