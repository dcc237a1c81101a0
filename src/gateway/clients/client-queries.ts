import { and, asc, count, eq, gte, lt, ne, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import type { Filters } from "./filters.ts";
import { type Page, rowsBefore } from "./pages.ts";
import { type GatewayClient, gatewayClients } from "./tables.ts";

const { operator: owner, msisdn: number } = gatewayClients;

const one = (operator: string, msisdn: string) => and(eq(owner, operator), eq(number, msisdn));

/** How many clients the filters find. */
export function countClients(db: Db, operator: string, filters: Filters) {
  return db.select({ total: count() }).from(gatewayClients).where(found(operator, filters));
}

/** One page of them, by number. */
export function clientsOn(db: Db, operator: string, filters: Filters, page: Page) {
  return db
    .select()
    .from(gatewayClients)
    .where(found(operator, filters))
    .orderBy(asc(number))
    .limit(page.perPage)
    .offset(rowsBefore(page));
}

// `instr` and not LIKE, whose patterns D1 limits to 50 bytes.
function found(operator: string, { country, operator: carrier, protocols, day }: Filters) {
  const { countryFolded, carrierFolded, lastPublishedAt } = gatewayClients;
  const words = JSON.stringify(protocols ?? []);
  const lacksOne = sql`EXISTS (SELECT 1 FROM json_each(${words}) WHERE instr(lower(${gatewayClients.protocols}), value) = 0)`;
  return and(
    eq(owner, operator),
    country === undefined ? undefined : eq(countryFolded, country),
    carrier === undefined ? undefined : sql`instr(${carrierFolded}, ${carrier}) > 0`,
    protocols === undefined ? undefined : sql`NOT ${lacksOne}`,
    day === undefined ? undefined : and(gte(lastPublishedAt, day.from), lt(lastPublishedAt, day.until)),
  );
}

/** The countries that there are clients in. */
export function countriesOf(db: Db, operator: string) {
  const { country } = gatewayClients;
  return db
    .selectDistinct({ country })
    .from(gatewayClients)
    .where(and(eq(owner, operator), ne(country, "")))
    .orderBy(asc(country));
}

/** The mobile operators of a country's clients; the country is folded. */
export function carriersIn(db: Db, operator: string, country: string) {
  const { carrier, countryFolded } = gatewayClients;
  return db
    .selectDistinct({ carrier })
    .from(gatewayClients)
    .where(and(eq(owner, operator), eq(countryFolded, country), ne(carrier, "")))
    .orderBy(asc(carrier));
}

export function clientBy(db: Db, operator: string, msisdn: string) {
  return db.select().from(gatewayClients).where(one(operator, msisdn));
}

/** Returns nothing when the number has a client already, which stays as it is. */
export function insertClient(db: Db, client: typeof gatewayClients.$inferInsert) {
  return db.insert(gatewayClients).values(client).onConflictDoNothing().returning();
}

export function updateClient(db: Db, operator: string, msisdn: string, change: Partial<GatewayClient>) {
  return db.update(gatewayClients).set(change).where(one(operator, msisdn)).returning();
}

export function deleteClient(db: Db, operator: string, msisdn: string) {
  return db.delete(gatewayClients).where(one(operator, msisdn)).returning({ msisdn: number });
}

/** Writes down that it published. Times only move on. */
export function updatePublished(db: Db, operator: string, msisdn: string, now: Date) {
  return db
    .update(gatewayClients)
    .set({ lastPublishedAt: now })
    .where(and(one(operator, msisdn), lt(gatewayClients.lastPublishedAt, now)));
}
