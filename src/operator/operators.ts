import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { operatorRow } from "./queries.ts";
import type { OperatorRow } from "./tables.ts";

/** What an operator decides for itself. An empty document is a sensible operator. */
export const OperatorParams = z.looseObject({
  /** May people make accounts themselves? */
  self_registration: z.boolean().default(true),
  /** Does everybody need a second step? */
  two_step: z.boolean().default(false),
  /** Do codes by mail sign people in? NIST 800-63B forbids mail as a second channel; an operator bound to it says no. */
  email_codes: z.boolean().default(true),
  /** How people may sign in, of what their client allows too. */
  methods: z.array(z.enum(["password", "sms", "code"])).default(["password", "sms", "code"]),
  /** ISO 3166 codes of the countries whose phones get codes; none: the operator's own country. */
  sms_countries: z.array(z.string().length(2)).default([]),
  drm: z.looseObject({ url: z.url().nullable().default(null), monetization: z.boolean().default(false) }).prefault({}),
});
export type OperatorParams = z.output<typeof OperatorParams>;

export interface Operator {
  id: string;
  name: string;
  /** ISO 3166. */
  country: string;
  lang: string;
  params: OperatorParams;
  ver: number;
}

/** An operator of this deployment; undefined for one that is not. The deployment's own needs no row. */
export async function operatorOf(env: Env, id: string): Promise<Operator | undefined> {
  return operatorFrom(env, id, await operatorRow(database(env), id));
}

/** The operator of that id, whose row was read already. */
export function operatorFrom(env: Env, id: string, row: OperatorRow | null | undefined): Operator | undefined {
  if (row) return operatorView(row);
  const { OPERATOR, COUNTRY } = settings(env);
  if (id !== OPERATOR) return undefined;
  return {
    id,
    name: id,
    country: COUNTRY,
    lang: COUNTRY === "RU" ? "ru" : "en",
    params: OperatorParams.parse({}),
    ver: 0,
  };
}

export function operatorView(row: {
  operator: string;
  name: string;
  country: string;
  lang: string;
  params: unknown;
  ver: number;
}): Operator {
  const { operator: id, name, country, lang, ver } = row;
  return { id, name, country, lang, ver, params: OperatorParams.parse(row.params) };
}
