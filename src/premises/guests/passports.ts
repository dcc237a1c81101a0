import { type Env, settings } from "#env.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { confirmContract } from "#operator/people-queries.ts";
import { newId, openBytes, sealBytes } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { keepFile } from "#platform/files.ts";
import { type Photo, photoOf, pictureOf } from "#platform/photos.ts";
import { heldContract, type Resident } from "../homes.ts";
import { decidePassportRow, deletePassports, insertPassport, passportBy, passportRows } from "./passport-queries.ts";
import { demandRole } from "./roles.ts";
import type { Passport } from "./tables.ts";

/**
 * Keeps the picture of an owner's passport for the operator to look at. It lies sealed, under a name that says nothing. Throws
 * `invalid` for what is no picture, `too_large`, `forbidden` for a guest, `too_many` after the day's pictures of the contract.
 */
export async function sendPassport(
  env: Env,
  resident: Resident,
  { uid, picture }: { uid: number; picture: string },
  now = new Date(),
): Promise<void> {
  const { OPERATOR: operator, LIMITS, MASTER_KEY } = settings(env);
  const contract = await heldContract(env, resident, { uid, fresh: true }, now);
  demandRole(contract.role, "owner");
  const { bytes } = photoOf(picture);
  const id = newId("pas");
  const file = `passports/${id}`;
  const row = { operator, id, uid, phone: resident.phone, accountId: resident.account, file, createdAt: now };
  const noted = await insertPassport(database(env), row, LIMITS.passportsPerDay);
  if (noted.length === 0) throw new AppError("too_many", "Enough pictures for a day", { retryAfter: 3600 });
  try {
    const sealed = await sealBytes(MASTER_KEY, new Uint8Array(bytes), file);
    await keepFile(env, file, sealed, "application/octet-stream");
  } catch (error) {
    await deletePassports(database(env), operator, [id]);
    throw error;
  }
}

/** What residents have sent, oldest first, at most 500; the pictures apart. */
export function listPassports(env: Env, state?: Passport["state"]): Promise<Passport[]> {
  return passportRows(database(env), settings(env).OPERATOR, state);
}

/** The picture itself. Throws `not_found`. */
export async function passportPicture(env: Env, id: string): Promise<Photo> {
  const { OPERATOR, MASTER_KEY } = settings(env);
  const row = await passportBy(database(env), OPERATOR, id);
  const file = row && (await env.FILES.get(row.file));
  if (!file) throw new AppError("not_found", "There is no such picture");
  return pictureOf(await openBytes(MASTER_KEY, new Uint8Array(await file.arrayBuffer()), row.file));
}

const NEWS = {
  confirmed: { title: "Паспорт подтверждён", text: "Ваши паспортные данные подтверждены" },
  refused: { title: "Паспорт не принят", text: "Паспортные данные не подтверждены, отправьте снимок ещё раз" },
};

/** Says what has come of a picture: our own billing knows the contract as confirmed, and whoever sent it is told. Throws `not_found`. */
export async function decidePassport(
  env: Env,
  id: string,
  state: "confirmed" | "refused",
  now = new Date(),
): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const row = await passportBy(db, OPERATOR, id);
  if (!row) throw new AppError("not_found", "There is no such picture");
  const decide = decidePassportRow(db, OPERATOR, id, state, now);
  // With another billing there is no such contract here, and billing confirms it itself.
  await db.batch(state === "confirmed" ? [decide, confirmContract(db, OPERATOR, row.uid)] : [decide]);
  await tellPeople(env, [row.phone], { ...NEWS[state], action: "inbox", batch: `passport:${id}:${state}` }, now);
}
