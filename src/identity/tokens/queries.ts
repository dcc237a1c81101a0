import { eq } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { signingKeys } from "./tables.ts";

/** What became of the signing keys: which was put to use when, and which are refused. */
export function signingKeyStates(db: Db) {
  return db.select().from(signingKeys).where(eq(signingKeys.operator, "*"));
}
