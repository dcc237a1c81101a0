import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { contracts } from "./tables.ts";

/** Holds for contracts of this flat. Where no flat was entered, it is what the address ends with. */
export const isFlat = (flat: string): SQL =>
  sql`coalesce(nullif(ltrim(${contracts.flat}, '0 '), ''), CASE
    WHEN ${contracts.address} LIKE '%кв.%' THEN ltrim(substr(${contracts.address}, instr(${contracts.address}, 'кв.') + 3), ' 0') END)
    = ${flat}`;

/** The contract of a flat among these; of several the one that stands best, and of those the youngest. */
export function contractOfFlatRow(db: Db, operator: string, uids: readonly number[], flat: string) {
  return db
    .select({ uid: contracts.uid })
    .from(contracts)
    .where(
      and(
        eq(contracts.operator, operator),
        sql`${contracts.uid} IN (SELECT value FROM json_each(${JSON.stringify(uids)}))`,
        isFlat(flat),
      ),
    )
    .orderBy(desc(contracts.state), desc(contracts.uid))
    .limit(1);
}
