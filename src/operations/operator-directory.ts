import * as z from "zod";
import type { Env } from "#env.ts";
import { type Actor, journal } from "#identity/journal/journal.ts";
import { fail } from "#operator/error-catalogue.ts";
import { type Operator, OperatorParams, operatorOf, operatorView } from "#operator/operators.ts";
import { insertOperator, operatorRow, operatorRows, updateOperator } from "#operator/queries.ts";
import { database } from "#platform/db.ts";

export const OperatorId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/i);

export const OperatorInput = z.object({
  name: z.string().trim().min(1).max(200),
  country: z.string().regex(/^[A-Z]{2}$/),
  lang: z.string().regex(/^[a-z]{2}$/),
  params: OperatorParams.prefault({}),
});
export type OperatorInput = z.output<typeof OperatorInput>;

/** These operators, also the deployment's own one, which needs no row. */
export async function listOperators(env: Env, ids: readonly string[]): Promise<Operator[]> {
  const rows = (await operatorRows(database(env), ids)).map(operatorView);
  const without = ids.filter((id) => !rows.some((row) => row.id === id));
  const own = await Promise.all(without.map((id) => operatorOf(env, id)));
  return [...rows, ...own.filter((operator) => operator !== undefined)].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Adds an operator; undefined where it has a row already. */
export async function addOperator(
  env: Env,
  id: string,
  input: OperatorInput,
  actor: Actor,
  now = new Date(),
): Promise<Operator | undefined> {
  const db = database(env);
  const entry = { action: "operator.created", target: { kind: "operator", id }, after: { ...input } };
  const [made] = await db.batch([insertOperator(db, id, input, now), ...journal(db, id, actor, entry, now)]);
  return made.length > 0 ? { id, ...input, ver: 1 } : undefined;
}

/** Puts the document in place of the old one, which must be of that version: else `precondition_failed`. */
export async function replaceOperator(
  env: Env,
  id: string,
  input: OperatorInput,
  ver: number | undefined,
  actor: Actor,
  now = new Date(),
): Promise<Operator> {
  const db = database(env);
  const old = await operatorRow(db, id);
  const { name, country, lang, params } = old ?? {};
  const entry = {
    ...{ action: "operator.updated", target: { kind: "operator", id } },
    ...{ before: { name, country, lang, params }, after: { ...input } },
  };
  const [changed] = await db.batch([updateOperator(db, id, input, ver, now), ...journal(db, id, actor, entry, now)]);
  if (changed.length === 0) throw fail("precondition_failed");
  return { id, ...input, ver: changed[0]!.ver };
}
