import { type Env, settings } from "#env.ts";
import { deleteReadings } from "#messaging/inbox/queries.ts";
import { forgetComplainers } from "#operator/desk/appeal-queries.ts";
import { deleteIssuesOf } from "#operator/desk/issue-queries.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database, isDuplicate, type Statement } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { freeLooseControllers } from "../controllers/states.ts";
import { leaveAllDomains } from "../domains/leaving.ts";
import { deleteInstallsOf, deleteResident } from "../installs/queries.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { endSessionsOf } from "../sessions/queries.ts";
import { forgetTokens } from "../sessions/sessions.ts";
import { dropTotp } from "../totp/totp.ts";
import {
  accountById,
  accountByIdentifier,
  deleteIdentifiers,
  deletePassword,
  type IdentifierType,
  insertAccount,
  insertIdentifier,
  isDeleted,
  markDeleted,
  phonesOf,
  raiseEpoch,
  updateAccount,
} from "./queries.ts";
import type { Account } from "./tables.ts";

export type Person = Pick<Account, "n" | "id" | "status" | "name" | "patronymic">;

const aboutAccount = (id: string) => ({ kind: "account", id });

/** The account that has proven to own the phone at the deployment's own operator, as `accountOf` has it. */
export const accountOfPhone = (env: Env, phone: string, now: Date): Promise<Person> =>
  accountOf(env, settings(env).OPERATOR, { type: "phone", value: phone }, now);

/**
 * The account that has proven to own the phone or address; a new, active one if nobody has. Two first logins at once make one
 * account. What others registered for it without proving it is worth nothing, least of all their passwords.
 */
export async function accountOf(
  env: Env,
  operator: string,
  login: { type: IdentifierType; value: string },
  now: Date,
): Promise<Person> {
  const known = await accountByIdentifier(database(env), operator, login.type, login.value);
  if (known) return known;
  return newAccount(env, operator, login, now);
}

/** A new account that has just proven to own the phone or address; whoever was faster is taken instead. `before` makes room for it in the same batch. */
export async function newAccount(
  env: Env,
  operator: string,
  { type, value }: { type: IdentifierType; value: string },
  now: Date,
  before: (id: string) => readonly Statement[] = () => [],
): Promise<Person> {
  const db = database(env);
  const id = newId("acc");
  const entry = {
    action: "account.created",
    target: aboutAccount(id),
    events: [
      { type: "account.created", id },
      { type: "account.activated", id },
    ],
  } as const;
  try {
    const [rows] = await db.batch([
      insertAccount(db, { operator, id, status: "active", createdAt: now, activatedAt: now, lastLoginAt: now }),
      ...journal(db, operator, { kind: "account", id }, entry, now),
      ...before(id),
      insertIdentifier(db, {
        ...{ operator, id: newId("idn"), type, value },
        ...{ accountId: id, verifiedAt: now, createdAt: now },
      }),
    ]);
    return { n: rows[0]!.n, id, status: "active", name: null, patronymic: null };
  } catch (error) {
    const winner = isDuplicate(error) ? await accountByIdentifier(db, operator, type, value) : undefined;
    if (!winner) throw error;
    return winner;
  }
}

/** What the person calls themselves; null where they never said. */
export async function nameOf(env: Env, id: string): Promise<{ name: string | null; patronymic: string | null }> {
  const account = await accountById(database(env), settings(env).OPERATOR, id);
  return { name: account?.name ?? null, patronymic: account?.patronymic ?? null };
}

export async function renameAccount(
  env: Env,
  id: string,
  name: string,
  patronymic: string | null,
  now = new Date(),
): Promise<void> {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const entry = {
    ...{ action: "account.updated", target: aboutAccount(id), after: { fields: ["name", "patronymic"] } },
    events: [{ type: "account.updated", id }],
  } as const;
  await db.batch([
    updateAccount(db, operator, id, { name, patronymic }),
    ...journal(db, operator, { kind: "account", id }, entry, now),
  ]);
}

/**
 * Shuts a person out, for good or until a time: every session, every access token and every camera token ends, and no code is
 * sent. Returns false where the account is not there, or shut out already.
 */
export async function banAccount(
  env: Env,
  operator: string,
  { id, reason, until = null }: { id: string; reason: string; until?: Date | null },
  actor: Actor,
  now = new Date(),
): Promise<boolean> {
  const db = database(env);
  const entry = {
    ...{ action: "account.banned", target: aboutAccount(id), reason, after: { until } },
    events: [{ type: "account.banned", id, data: { until } }],
  } as const;
  const change = { status: "banned", banReason: reason, banUntil: until } as const;
  const [banned, ...rest] = await db.batch([
    updateAccount(db, operator, id, change, { status: "active" }),
    ...journal(db, operator, actor, entry, now),
    raiseEpoch(db, operator, id),
    endSessionsOf(db, operator, { subjectId: id, at: now, reason: "banned" }),
  ]);
  await forgetTokens(env, rest.at(-1) as { tokenHash: string }[]);
  return banned.length > 0;
}

/** Lets a person in again. Returns false where nobody was shut out, or the account is not at the version `ver` any more. */
export async function unbanAccount(
  env: Env,
  operator: string,
  { id, reason, ver }: { id: string; reason: string; ver?: number },
  actor: Actor,
  now = new Date(),
): Promise<boolean> {
  const db = database(env);
  const entry = {
    ...{ action: "account.unbanned", target: aboutAccount(id), reason },
    events: [{ type: "account.unbanned", id }],
  } as const;
  const [unbanned] = await db.batch([
    updateAccount(db, operator, id, { status: "active", banReason: null, banUntil: null }, { status: "banned", ver }),
    ...journal(db, operator, actor, entry, now),
  ]);
  return unbanned.length > 0;
}

/** A person may join another domain in the moment between leaving all of them and being deleted. */
const ATTEMPTS = 5;

/**
 * Deletes a person: the phones and addresses are free again, every session and membership ends, domains that nobody else
 * belongs to go too, and controllers that nobody else has are free. What is left of them goes at the returned time (`LIMITS.keepDeletedDays`); the row keeps its ids, by which the
 * audit goes on to name it. Throws `owner_must_transfer` while others would be left in a domain without an owner.
 */
export async function deleteAccount(
  env: Env,
  operator: string,
  { id, reason }: { id: string; reason: string },
  actor: Actor,
  now = new Date(),
): Promise<Date> {
  const db = database(env);
  const eraseAt = new Date(now.getTime() + settings(env).LIMITS.keepDeletedDays * 86_400_000);
  const entry = {
    ...{ action: "account.deleted", target: aboutAccount(id), reason },
    events: [{ type: "account.deleted", id }],
  } as const;
  const onlyIf = isDeleted(operator, id);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await leaveAllDomains(env, operator, id, actor, now);
    const [, ...rest] = await db.batch([
      markDeleted(db, operator, id, { now, eraseAt }),
      ...journal(db, operator, actor, entry, now),
      ...deleteReadings(db, operator, phonesOf(operator, id), onlyIf),
      ...deleteIssuesOf(db, operator, id, onlyIf),
      forgetComplainers(db, operator, phonesOf(operator, id), onlyIf),
      deleteInstallsOf(db, operator, id, onlyIf),
      deleteResident(db, operator, id, onlyIf),
      deleteIdentifiers(db, operator, id, onlyIf),
      deletePassword(db, operator, id, onlyIf),
      ...dropTotp(env, operator, id, onlyIf),
      endSessionsOf(db, operator, { subjectId: id, at: now, reason: "deleted", onlyIf }),
    ]);
    await forgetTokens(env, rest.at(-1) as { tokenHash: string }[]);
    const account = await accountById(db, operator, id);
    if (account && account.status !== "deleted") continue;
    await announce(env, { type: "account.deleted", operator, account: id });
    await freeLooseControllers(env, operator, id, actor, now);
    return eraseAt;
  }
  throw fail("owner_must_transfer");
}
