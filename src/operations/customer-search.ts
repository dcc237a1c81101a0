import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import { type Actor, journal } from "#identity/journal/journal.ts";
import { masked } from "#identity/login/targets.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import {
  type CustomerFilter,
  type CustomerRow,
  customerAmong,
  customersWhere,
  type Identifier,
  insertReveal,
} from "./customer-queries.ts";

/** A customer in a list: enough to recognise, phones and addresses masked. */
export function customerView({ id, operator, status, name, identifiers, createdAt, lastLoginAt }: CustomerRow) {
  return {
    ...{ id, operator, status, name, ...maskedIdentifiers(identifiers) },
    ...{ created_at: createdAt, last_login_at: lastLoginAt },
  };
}

export function maskedIdentifiers(all: readonly Identifier[]) {
  const identifiers = all.map(({ type, value, verified }) => ({ type, value: masked({ type, value }), verified }));
  const first = (type: Identifier["type"]) => identifiers.find((identifier) => identifier.type === type)?.value ?? null;
  return { phone: first("phone"), email: first("email"), identifiers };
}

/** Looks customers up, and writes down that it was done: at each operator whose customers were shown, with what was asked by. */
export async function searchCustomers(
  env: Env,
  operators: readonly string[],
  filter: CustomerFilter,
  { cursor, limit }: { cursor?: string | undefined; limit: number },
  actor: Actor,
  now = new Date(),
) {
  const db = database(env);
  const before = cursor !== undefined && /^\d{1,15}$/.test(cursor) ? Number(cursor) : Number.MAX_SAFE_INTEGER;
  const rows = await customersWhere(db, operators, normal(filter), before, limit);
  const shown = new Set(rows.map(({ operator }) => operator));
  const by = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const records = [...shown].flatMap((operator) => {
    const found = rows.filter((row) => row.operator === operator).length;
    const entry = { action: "customers.listed", target: { kind: "accounts", id: null }, after: { by, found } };
    return journal(db, operator, actor, entry, now, "always");
  });
  const [first, ...others] = records;
  if (first) await db.batch([first, ...others]);
  return { items: rows.map(customerView), next_cursor: rows.length === limit ? String(rows.at(-1)!.n) : null };
}

/** As they are stored: digits with the country's code, lower case. */
function normal({ phone, email, ...rest }: CustomerFilter): CustomerFilter {
  const digits = phone?.replace(/\D/g, "").replace(/^8(?=9)/, "7");
  // What has no digits is the beginning of no phone, and not of every one.
  return { ...rest, phone: digits === "" ? phone : digits, email: email?.trim().toLowerCase() };
}

/** A customer of one of the operators, as stored; throws `account_not_found`. */
export async function findCustomer(env: Env, operators: readonly string[], id: string): Promise<CustomerRow> {
  const [row] = await customerAmong(database(env), operators, id);
  if (!row) throw fail("account_not_found");
  return row;
}

/**
 * The whole phone or address, which is otherwise shown masked. Each time is written down, and there are LIMITS.revealsPerDay for an
 * administrator. Throws `identifier_not_found`, `reveal_limit`.
 */
export async function reveal(
  env: Env,
  { operator, id: accountId, identifiers }: CustomerRow,
  { field, reason }: { field: Identifier["type"]; reason: string },
  { id: adminId, operators }: { id: string; operators: readonly string[] },
  { ip, requestId }: Actor,
  now = new Date(),
): Promise<string> {
  const found = identifiers.find(({ type }) => type === field);
  if (!found) throw fail("identifier_not_found");
  const { revealsPerDay } = settings(env).LIMITS;
  const record = { id: newId("aud"), adminId, accountId, field, reason, ip, requestId };
  const written = await insertReveal(database(env), operator, record, operators, revealsPerDay, now);
  if (written.length === 0) throw fail("reveal_limit", { retryAfter: 3600 });
  return found.value;
}
