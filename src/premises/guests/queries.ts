import { and, asc, eq, gt } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { guests } from "./tables.ts";

/** A remote billing is asked about each owner who lets a phone in: not about any number of them. */
const INVITATIONS_READ = 20;

/** Who lets this phone in, and into what. */
export function invitationsOf(db: Db, operator: string, phone: string, at: Date) {
  return db
    .select({ uid: guests.uid, type: guests.type, grantedBy: guests.grantedBy })
    .from(guests)
    .where(and(eq(guests.operator, operator), eq(guests.phone, phone), gt(guests.expiresAt, at)))
    .orderBy(asc(guests.uid))
    .limit(INVITATIONS_READ);
}

/** The living guests of a contract, by phone. */
export function guestsOf(db: Db, operator: string, uid: number, at: Date) {
  return db
    .select()
    .from(guests)
    .where(and(eq(guests.operator, operator), eq(guests.uid, uid), gt(guests.expiresAt, at)))
    .orderBy(asc(guests.phone));
}
