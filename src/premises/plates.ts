import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { deletePlateRow, platesOfContract, upsertPlate } from "./plate-queries.ts";

/** Cyrillic letters that look like Latin ones: the only letters that Russian number plates have. */
const LATIN: Record<string, string> = {
  ...{ А: "A", В: "B", Е: "E", К: "K", М: "M", Н: "H", О: "O", Р: "P", С: "C", Т: "T", У: "Y", Х: "X" },
};

/**
 * A number plate as it is kept and compared: upper case, Latin where a Cyrillic letter looks like it, without anything between.
 * Undefined for what is none.
 */
export function normalPlate(text: string): string | undefined {
  const plate = text
    .slice(0, 64)
    .toUpperCase()
    .replace(/[^\p{L}\p{N}]/gu, "")
    .replace(/[АВЕКМНОРСТУХ]/g, (letter) => LATIN[letter]!);
  return /^[\p{L}\p{N}]{2,16}$/u.test(plate) ? plate : undefined;
}

/** The number plates of the contract, oldest first. */
export function listPlates(env: Env, uid: number) {
  return platesOfContract(database(env), settings(env).OPERATOR, uid);
}

/** Adds a number plate; one that the contract already has gets the new comment. Throws `invalid` for what is none. */
export async function addPlate(
  env: Env,
  { uid, plate, comment }: { uid: number; plate: string; comment: string },
  now = new Date(),
): Promise<void> {
  const row = { operator: settings(env).OPERATOR, uid, plate: demandPlate(plate), comment, createdAt: now };
  await upsertPlate(database(env), row);
}

/** Removes a number plate from the contract. One that it does not have is no error. */
export async function deletePlate(env: Env, uid: number, plate: string): Promise<void> {
  await deletePlateRow(database(env), settings(env).OPERATOR, uid, demandPlate(plate));
}

function demandPlate(text: string): string {
  const plate = normalPlate(text);
  if (!plate) throw new AppError("invalid", "This is no number plate");
  return plate;
}
