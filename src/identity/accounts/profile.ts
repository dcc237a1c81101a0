import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { accountById, updateAccount } from "./queries.ts";

interface Profile {
  name?: string | null | undefined;
  lang?: string | null | undefined;
  avatar?: string | null | undefined;
  /** Support's, which the customer does not see. */
  note?: string | null | undefined;
}

/** Changes the fields that are named; null empties one. Throws `precondition_failed` where it is no longer at version `ver`. */
export async function changeProfile(
  env: Env,
  operator: string,
  { id, change, ver }: { id: string; change: Profile; ver?: number | undefined },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const fields = Object.entries(change).filter(([, value]) => value !== undefined);
  if (fields.length === 0) return ver === undefined ? undefined : demandVersion(env, operator, id, ver);
  const names = fields.map(([name]) => name);
  const entry = {
    ...{ action: "account.updated", target: { kind: "account", id }, after: { fields: names } },
    events: [{ type: "account.updated", id, data: { fields: names } }],
  } as const;
  const [changed] = await db.batch([
    updateAccount(db, operator, id, Object.fromEntries(fields), { ver }),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (changed.length === 0) throw fail(ver === undefined ? "account_not_found" : "precondition_failed");
}

/** A change of nothing still tells whether it saw the present version. */
async function demandVersion(env: Env, operator: string, id: string, ver: number): Promise<void> {
  const account = await accountById(database(env), operator, id);
  if (account?.ver !== ver) throw fail("precondition_failed");
}
