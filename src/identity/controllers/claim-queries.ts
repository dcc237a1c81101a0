import { and, eq, inArray, isNull, lt, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { hasRoomForController } from "../domains/controller-queries.ts";
import { updateController } from "./queries.ts";
import { claimTries, controllers } from "./tables.ts";

/** Takes one try at the serial's claim code, before it is looked at; returns nothing once `most` were taken. */
export function takeTry(db: Db, operator: string, serial: string, most: number, now: Date) {
  return db
    .insert(claimTries)
    .values({ operator, serial, tries: 1, lastAt: now })
    .onConflictDoUpdate({
      target: [claimTries.operator, claimTries.serial],
      set: { tries: sql`${claimTries.tries} + 1`, lastAt: now },
      setWhere: lt(claimTries.tries, most),
    })
    .returning({ tries: claimTries.tries });
}

/** Gives a try back that was right. */
export function giveTryBack(db: Db, operator: string, serial: string) {
  return db
    .update(claimTries)
    .set({ tries: sql`max(0, ${claimTries.tries} - 1)` })
    .where(and(eq(claimTries.operator, operator), eq(claimTries.serial, serial)));
}

/** A new code has its own tries. */
export function deleteTries(db: Db, operator: string, serial: string, onlyIf?: SQL) {
  return db.delete(claimTries).where(and(eq(claimTries.operator, operator), eq(claimTries.serial, serial), onlyIf));
}

/** Tries at serials that nobody has. Those of a controller count until its code is replaced. */
export function deleteForeignTries(db: Db, before: Date) {
  return db
    .delete(claimTries)
    .where(
      and(
        lt(claimTries.lastAt, before),
        sql`NOT EXISTS (SELECT 1 FROM controllers c WHERE c.operator = ${claimTries.operator} AND c.serial = ${claimTries.serial})`,
      ),
    );
}

/** Gives a controller that nobody has to whoever knows its code: one of two at once. */
export function takeController(
  db: Db,
  operator: string,
  { id, claimHash, room }: { id: string; claimHash: string; room: number },
  to: { accountId: string; domainId: string; name: string | null },
  now: Date,
) {
  return updateController(
    db,
    operator,
    id,
    { status: "claimed", domainId: to.domainId, ownerAccountId: to.accountId, name: to.name, claimedAt: now },
    inArray(controllers.status, ["factory", "enrolled"]),
    isNull(controllers.ownerAccountId),
    isNull(controllers.domainId),
    eq(controllers.claimHash, claimHash),
    hasRoomForController(operator, to.domainId, room),
  );
}
