import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database, isDuplicate } from "#platform/db.ts";
import {
  accountById,
  accountByPhone,
  deleteIdentifiers,
  endSessionsOf,
  eraseAccount,
  insertAccount,
  insertIdentifier,
  setName,
  setStatus,
} from "./queries.ts";
import { forgetTokens } from "./sessions.ts";
import type { Account } from "./tables.ts";

export type Person = Pick<Account, "n" | "id" | "status" | "name" | "patronymic">;

/** The account that has proven to own the phone; a new one if nobody has. Two first logins at once make one account. */
export async function accountOfPhone(env: Env, phone: string, now: Date): Promise<Person> {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const known = await accountByPhone(db, operator, phone);
  if (known) return known;
  const id = `acc_${randomId()}`;
  try {
    const [rows] = await db.batch([
      insertAccount(db, { operator, id, status: "active", name: null, patronymic: null, createdAt: now }),
      insertIdentifier(db, { operator, type: "phone", value: phone, accountId: id, verifiedAt: now, createdAt: now }),
    ]);
    return { n: rows[0]!.n, id, status: "active", name: null, patronymic: null };
  } catch (error) {
    const winner = isDuplicate(error) ? await accountByPhone(db, operator, phone) : undefined;
    if (!winner) throw error;
    return winner;
  }
}

/** What the person calls themselves; null where they never said. */
export async function nameOf(env: Env, id: string): Promise<{ name: string | null; patronymic: string | null }> {
  const account = await accountById(database(env), settings(env).OPERATOR, id);
  return { name: account?.name ?? null, patronymic: account?.patronymic ?? null };
}

export async function renameAccount(env: Env, id: string, name: string, patronymic: string | null): Promise<void> {
  await setName(database(env), settings(env).OPERATOR, id, name, patronymic);
}

/** Shuts a person out: every session and camera token ends, and no code is sent until `unbanAccount`. */
export async function banAccount(env: Env, id: string, now = new Date()): Promise<void> {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const [, ended] = await db.batch([
    setStatus(db, operator, id, "banned"),
    endSessionsOf(db, operator, { accountId: id, at: now, reason: "banned" }),
  ]);
  await forgetTokens(env, ended);
}

export async function unbanAccount(env: Env, id: string): Promise<void> {
  await setStatus(database(env), settings(env).OPERATOR, id, "active");
}

/** Deletes a person at their own wish: name and phone go, every session ends, the number is free again. */
export async function deleteAccount(env: Env, id: string, now = new Date()): Promise<void> {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const [, , ended] = await db.batch([
    eraseAccount(db, operator, id, now),
    deleteIdentifiers(db, operator, id),
    endSessionsOf(db, operator, { accountId: id, at: now, reason: "deleted" }),
  ]);
  await forgetTokens(env, ended);
}
