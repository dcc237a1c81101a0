import { and, desc, eq, getTableColumns, gte, lt, lte, ne, or, type SQL, sql } from "drizzle-orm";
import { accountPasswords, accounts } from "#identity/accounts/tables.ts";
import { auditLog } from "#identity/journal/tables.ts";
import { compared, type Db } from "#platform/db.ts";

export interface Identifier {
  type: "phone" | "email";
  value: string;
  verified: boolean;
}

const identifiers = sql`(SELECT json_group_array(json_object('type', i.type, 'value', i.value,
    'verified', json(iif(i.verified_at IS NULL, 'false', 'true'))) ORDER BY i.created_at)
  FROM account_identifiers AS i WHERE i.operator = accounts.operator AND i.account_id = accounts.id)`.mapWith(
  (json) => JSON.parse(json) as Identifier[],
);

const customer = { ...getTableColumns(accounts), identifiers };

const list = (values: readonly string[]) => sql`(SELECT value FROM json_each(${JSON.stringify(values)}))`;

export interface CustomerFilter {
  /** A name's part, or the beginning of a phone, an address or an id. */
  q?: string | undefined;
  /** Beginnings. */
  phone?: string | undefined;
  email?: string | undefined;
  id?: string | undefined;
  /** Of a controller that they own. */
  serial?: string | undefined;
  status?: "inactive" | "active" | "banned" | "deleted" | undefined;
  createdFrom?: Date | undefined;
  createdTo?: Date | undefined;
}

/** Customers of the operators, the newest first. Every text is compared by the bounds of an index, but a name's part. */
export function customersWhere(
  db: Db,
  operators: readonly string[],
  filter: CustomerFilter,
  before: number,
  limit: number,
) {
  const { q, phone, email, id, serial, status, createdFrom, createdTo } = filter;
  const isNarrow = [q, phone, email, id, serial].some((value) => value !== undefined);
  // Without a narrow filter it is quicker to walk back along the key than to sort what an index brings.
  const within = sql`${isNarrow ? accounts.operator : compared(accounts.operator)} IN ${list(operators)}`;
  return db
    .select(customer)
    .from(accounts)
    .where(
      and(
        within,
        lt(accounts.n, before),
        status === undefined ? ne(accounts.status, "deleted") : eq(accounts.status, status),
        q === undefined ? undefined : anything(operators, q),
        phone === undefined ? undefined : claims(operators, "phone", phone),
        email === undefined ? undefined : claims(operators, "email", email),
        id === undefined ? undefined : eq(accounts.id, id),
        serial === undefined ? undefined : owns(operators, serial),
        createdFrom === undefined ? undefined : gte(accounts.createdAt, createdFrom),
        createdTo === undefined ? undefined : lte(accounts.createdAt, createdTo),
      ),
    )
    .orderBy(desc(accounts.n))
    .limit(limit);
}

function anything(operators: readonly string[], q: string): SQL | undefined {
  const folded = q.toLowerCase();
  const digits = q.replace(/[\s()+-]/g, "");
  return or(
    and(sql`${accounts.nameFolded} IS NOT NULL`, sql`instr(${accounts.nameFolded}, ${folded}) > 0`),
    eq(accounts.id, q),
    claims(operators, "email", folded),
    /^\d{3,15}$/.test(digits) ? claims(operators, "phone", digits) : undefined,
  );
}

const claims = (operators: readonly string[], type: "phone" | "email", beginning: string): SQL =>
  sql`(accounts.operator, accounts.id) IN (SELECT i.operator, i.account_id FROM account_identifiers AS i
    WHERE i.operator IN ${list(operators)} AND i.type = ${type} AND i.value >= ${beginning} AND i.value < ${`${beginning}\u{10FFFF}`})`;

const owns = (operators: readonly string[], serial: string): SQL =>
  sql`(accounts.operator, accounts.id) IN (SELECT c.operator, c.owner_account_id FROM controllers AS c
    WHERE c.operator IN ${list(operators)} AND c.serial = ${serial} AND c.owner_account_id IS NOT NULL)`;

export function customerAmong(db: Db, operators: readonly string[], id: string) {
  return db
    .select(customer)
    .from(accounts)
    .where(and(eq(accounts.id, id), sql`${accounts.operator} IN ${list(operators)}`))
    .limit(1);
}

export type CustomerRow = Awaited<ReturnType<typeof customerAmong>>[number];

/** What the card counts. */
export async function countsOf(db: Db, operator: string, id: string, now: Date) {
  const [row] = await db.all<{ sessions: number; devices: number; domains: number; password: number | null }>(sql`SELECT
    (SELECT count(*) FROM sessions WHERE operator = ${operator} AND subject_id = ${id} AND ended_at IS NULL
      AND expires_at > ${now.getTime()}) AS sessions,
    (SELECT count(*) FROM controllers WHERE operator = ${operator} AND owner_account_id = ${id} AND status <> 'deleted') AS devices,
    (SELECT count(*) FROM domain_members WHERE operator = ${operator} AND account_id = ${id}) AS domains,
    (SELECT must_reset FROM account_passwords WHERE operator = ${operator} AND account_id = ${id}) AS password`);
  return row!;
}

/** The password opens nothing until there is a new one. */
export function demandNewPassword(db: Db, operator: string, accountId: string) {
  return db
    .update(accountPasswords)
    .set({ mustReset: true })
    .where(and(eq(accountPasswords.operator, operator), eq(accountPasswords.accountId, accountId)));
}

interface Reveal {
  id: string;
  adminId: string;
  accountId: string;
  field: string;
  reason: string;
  ip: string | undefined;
  requestId: string | undefined;
}

/** Writes down that an administrator was shown something, unless it was `most` times within a day: then nothing is returned. */
export function insertReveal(
  db: Db,
  operator: string,
  reveal: Reveal,
  operators: readonly string[],
  most: number,
  now: Date,
) {
  const since = now.getTime() - 86_400_000;
  const made = sql`(SELECT count(*) FROM audit_log WHERE operator IN ${list(operators)} AND actor_id = ${reveal.adminId}
    AND action = 'customer.revealed' AND at > ${since})`;
  return db
    .insert(auditLog)
    .select(
      sql`SELECT NULL, ${operator}, ${reveal.id}, ${now.getTime()}, 'admin', ${reveal.adminId}, 'customer.revealed', 'account',
        ${reveal.accountId}, ${reveal.reason}, NULL, ${JSON.stringify({ field: reveal.field })}, ${reveal.ip ?? null},
        ${reveal.requestId ?? null} WHERE ${made} < ${most}`,
    )
    .returning({ id: auditLog.id });
}
