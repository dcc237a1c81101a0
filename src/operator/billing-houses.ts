import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { askFunction, Uid } from "./billing-http.ts";
import { contractOfFlatRow } from "./house-queries.ts";

// Which flat is whose: what a PBX, a plate reader and a panel have to know of a contract.

const MaybeUid = Uid.nullish().transform((uid) => uid || undefined);

/** A flat's number as it is compared: without spaces and leading zeros. Empty where it is none. */
export const flatNumber = (flat: string | number): string =>
  String(flat)
    .trim()
    .replace(/^0+(?=.)/, "");

/**
 * The contract of a flat among these, or undefined. Throws `not_found` for an old billing (BILLING=legacy), which cannot tell a
 * contract by its flat.
 */
export async function contractOfFlat(env: Env, uids: readonly number[], flat: string): Promise<number | undefined> {
  if (uids.length === 0 || flat === "") return undefined;
  const { BILLING, OPERATOR } = settings(env);
  if (BILLING === "local") return (await contractOfFlatRow(database(env), OPERATOR, uids, flat)).at(0)?.uid;
  if (BILLING === "legacy") throw new AppError("not_found", "This billing cannot tell a contract by its flat");
  const number = /^\d{1,9}$/.test(flat) ? Number(flat) : flat;
  const uid = await askFunction(env, "uidFromUidsAndFlat", { uids, flat: number }, MaybeUid, { fresh: true });
  return uid !== undefined && uids.includes(uid) ? uid : undefined;
}

/** The contract that the operator's own billing knows this number plate of. Elsewhere plates are ours to know. */
export async function contractOfPlate(env: Env, plate: string): Promise<number | undefined> {
  if (settings(env).BILLING !== "http") return undefined;
  return askFunction(env, "uidFromCarNumber", { plate }, MaybeUid, { fresh: true });
}

const Flat = z.union([z.string(), z.number()]).nullish();

/** The flat of a contract where the operator's own billing knows it; undefined elsewhere, and where there is none. */
export async function flatOfBilled(env: Env, uid: number): Promise<string | undefined> {
  if (settings(env).BILLING !== "http") return undefined;
  const flat = await askFunction(env, "flatFromUid", { uid }, Flat);
  return flat === null || flat === undefined ? undefined : flatNumber(flat);
}
