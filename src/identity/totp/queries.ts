import { and, eq, isNotNull, isNull, lt, type SQL, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { recoveryCodes, totpSecrets } from "./tables.ts";

const isOwners = (operator: string, ownerId: string) =>
  and(eq(totpSecrets.operator, operator), eq(totpSecrets.ownerId, ownerId));

export function totpOf(db: Db, operator: string, ownerId: string) {
  return db.select().from(totpSecrets).where(isOwners(operator, ownerId)).limit(1);
}

/** Stores a secret that has yet to be confirmed, in the place of one that never was. A confirmed one stays, and nothing is returned. */
export function insertTotp(db: Db, operator: string, ownerId: string, sealed: string, now: Date) {
  return db
    .insert(totpSecrets)
    .values({ operator, ownerId, sealed, createdAt: now })
    .onConflictDoUpdate({
      target: [totpSecrets.operator, totpSecrets.ownerId],
      set: { sealed, lastStep: 0, createdAt: now },
      setWhere: isNull(totpSecrets.confirmedAt),
    })
    .returning({ ownerId: totpSecrets.ownerId });
}

/** Uses a step up: of many requests with one code, one gets a row. */
export function takeStep(
  db: Db,
  operator: string,
  ownerId: string,
  { sealed, step, confirm }: { sealed: string; step: number; confirm?: Date | undefined },
) {
  return db
    .update(totpSecrets)
    .set({ lastStep: step, ...(confirm && { confirmedAt: confirm }) })
    .where(
      and(
        isOwners(operator, ownerId),
        eq(totpSecrets.sealed, sealed),
        lt(totpSecrets.lastStep, step),
        confirm ? isNull(totpSecrets.confirmedAt) : isNotNull(totpSecrets.confirmedAt),
      ),
    )
    .returning({ ownerId: totpSecrets.ownerId });
}

export function deleteTotp(db: Db, operator: string, ownerId: string, onlyIf?: SQL) {
  return db.delete(totpSecrets).where(and(isOwners(operator, ownerId), onlyIf));
}

/**
 * Leaves the owner with exactly these recovery codes, if the statement before changed a row. First the new ones, so that the
 * second statement can ask whether the first one did anything.
 */
export function replaceRecoveryCodes(db: Db, operator: string, ownerId: string, hashes: readonly string[]) {
  const list = JSON.stringify(hashes);
  return [
    db
      .insert(recoveryCodes)
      .select(sql`SELECT ${operator}, ${ownerId}, value, NULL FROM json_each(${list}) WHERE ${ifChanged}`),
    db
      .delete(recoveryCodes)
      .where(
        and(
          eq(recoveryCodes.operator, operator),
          eq(recoveryCodes.ownerId, ownerId),
          sql`${recoveryCodes.hash} NOT IN (SELECT value FROM json_each(${list}))`,
          ifChanged,
        ),
      ),
  ] as const;
}

export function deleteRecoveryCodes(db: Db, operator: string, ownerId: string, onlyIf?: SQL) {
  return db
    .delete(recoveryCodes)
    .where(and(eq(recoveryCodes.operator, operator), eq(recoveryCodes.ownerId, ownerId), onlyIf));
}

/** Uses a recovery code up; returns nothing where it is none, or was used. */
export function takeRecoveryCode(db: Db, operator: string, ownerId: string, hash: string, now: Date) {
  return db
    .update(recoveryCodes)
    .set({ usedAt: now })
    .where(
      and(
        eq(recoveryCodes.operator, operator),
        eq(recoveryCodes.ownerId, ownerId),
        eq(recoveryCodes.hash, hash),
        isNull(recoveryCodes.usedAt),
      ),
    )
    .returning({ hash: recoveryCodes.hash });
}
