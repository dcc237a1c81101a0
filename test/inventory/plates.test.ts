import { expect, test } from "vitest";
import { aUid } from "../support/world.ts";
import { DONE, json, REFUSED, said } from "./bill.ts";

const platesOf = async (uid: number) => (await json("plates_list/", { uid })).plates;

test("a number plate is kept in Latin capitals, whatever it was typed with", async () => {
  const uid = aUid();
  expect(await said("plates_add/", { uid, plate: " а 123 вс-71 ", comment: "Lada" })).toEqual(DONE);
  expect(await platesOf(uid)).toEqual([{ plate: "A123BC71", comment: "Lada" }]);
  expect(await said("plates_add/", { uid: String(uid), plate: "A123BC71" })).toEqual(DONE);
  expect(await platesOf(uid)).toEqual([{ plate: "A123BC71", comment: "" }]);
  expect(await platesOf(aUid())).toEqual([]);
});

test("a number plate is taken from its contract alone", async () => {
  const [one, other] = [aUid(), aUid()];
  for (const uid of [one, other]) await said("plates_add/", { uid, plate: "К777КК71" });
  expect(await said("plates_del/", { uid: one, plate: "k777kk 71" })).toEqual(DONE);
  expect(await said("plates_del/", { uid: one, plate: "K777KK71" })).toEqual(DONE);
  expect([await platesOf(one), await platesOf(other)]).toEqual([[], [{ plate: "K777KK71", comment: "" }]]);
});

test.each(["", "?", "A", "A".repeat(17), "<script>alert(1)</script>"])("%j is no number plate", async (plate) => {
  expect(await said("plates_add/", { uid: aUid(), plate })).toEqual(REFUSED);
});
