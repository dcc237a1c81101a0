import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { msisdnOf } from "../msisdn.ts";
import {
  carriersIn,
  clientBy,
  clientsOn,
  countClients,
  countriesOf,
  deleteClient,
  insertClient,
  updateClient,
} from "./client-queries.ts";
import type { Filters } from "./filters.ts";
import { folded } from "./folded.ts";
import { newClientKey } from "./keys.ts";
import { placeOf } from "./number-plan.ts";
import type { Page } from "./pages.ts";
import type { GatewayClient } from "./tables.ts";
import { deleteTests } from "./test-queries.ts";

/** What is known of a client beside its number. What is left out of a new one is looked up from the number. */
export interface ClientFields {
  country?: string | undefined;
  carrier?: string | undefined;
  carrierCode?: string | undefined;
  protocols?: string[] | undefined;
}

/** One page of the clients that the filters find, and how many they are in all. */
export async function findClients(env: Env, filters: Filters, page: Page) {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [[counted], clients] = await db.batch([
    countClients(db, OPERATOR, filters),
    clientsOn(db, OPERATOR, filters, page),
  ]);
  return { total: counted?.total ?? 0, clients };
}

export async function countriesWithClients(env: Env): Promise<string[]> {
  const rows = await countriesOf(database(env), settings(env).OPERATOR);
  return rows.map(({ country }) => country);
}

export async function carriersWithClients(env: Env, country: string): Promise<string[]> {
  const rows = await carriersIn(database(env), settings(env).OPERATOR, folded(country));
  return rows.map(({ carrier }) => carrier);
}

/** Makes a client and its key, which is shown once. Throws AppError `invalid` for what is no number, `conflict` for one that is there. */
export async function addClient(
  env: Env,
  { number, ...fields }: ClientFields & { number: string },
  now = new Date(),
): Promise<{ client: GatewayClient; key: string }> {
  const { OPERATOR, COUNTRY } = settings(env);
  const msisdn = msisdnOf(number, COUNTRY);
  if (!msisdn) throw new AppError("invalid", "msisdn must be a phone number.");
  const place = placeOf(msisdn);
  const { key, hash } = newClientKey();
  const { country = place.country, carrier = place.carrier } = fields;
  const { carrierCode = place.carrierCode ?? "", protocols = [] } = fields;
  const [client] = await insertClient(database(env), {
    ...{ operator: OPERATOR, msisdn, keyHash: hash, createdAt: now, lastPublishedAt: now },
    ...{ ...countryColumns(country), ...carrierColumns(carrier), carrierCode, protocols: protocols.join(",") },
  });
  if (!client) throw new AppError("conflict", `There is a gateway client with MSISDN: ${msisdn}`);
  return { client, key };
}

/** Changes the given fields. Throws AppError `not_found`. */
export async function changeClient(env: Env, written: string, fields: ClientFields): Promise<GatewayClient> {
  const [db, { OPERATOR }, msisdn] = [database(env), settings(env), numberOf(written)];
  const change = columnsOf(fields);
  const [client] = await (Object.keys(change).length > 0
    ? updateClient(db, OPERATOR, msisdn, change)
    : clientBy(db, OPERATOR, msisdn));
  return client ?? noClient(written);
}

/** Ends a client: its key, and its tests. Throws AppError `not_found`. */
export async function removeClient(env: Env, written: string): Promise<void> {
  const [db, { OPERATOR }, msisdn] = [database(env), settings(env), numberOf(written)];
  const [, gone] = await db.batch([deleteTests(db, OPERATOR, msisdn), deleteClient(db, OPERATOR, msisdn)]);
  if (gone.length === 0) noClient(written);
}

/** Gives a client another key; the one before is dead at once. Throws AppError `not_found`. */
export async function renewKey(env: Env, written: string): Promise<string> {
  const { key, hash } = newClientKey();
  const change = { keyHash: hash };
  const [client] = await updateClient(database(env), settings(env).OPERATOR, numberOf(written), change);
  if (!client) noClient(written);
  return key;
}

/** The number that stands in a path, whose plus may have become a space on its way. Throws AppError `not_found` for what is no number. */
export function numberOf(written: string): string {
  const [, digits] = /^[+ ]?(\d{5,15})$/.exec(written) ?? [];
  return digits === undefined ? noClient(written) : `+${digits}`;
}

export function noClient(written: string): never {
  throw new AppError("not_found", `No gateway client found with MSISDN: ${written.replace(/^ /, "+")}`);
}

const columnsOf = ({ country, carrier, carrierCode, protocols }: ClientFields) => ({
  ...(country !== undefined && countryColumns(country)),
  ...(carrier !== undefined && carrierColumns(carrier)),
  ...(carrierCode !== undefined && { carrierCode }),
  ...(protocols !== undefined && { protocols: protocols.join(",") }),
});

const countryColumns = (country: string) => ({ country, countryFolded: folded(country) });
const carrierColumns = (carrier: string) => ({ carrier, carrierFolded: folded(carrier) });
