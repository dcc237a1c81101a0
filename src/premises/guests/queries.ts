import { and, asc, eq, gt, lte, type SQL, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { revokeCamerasOfPhones } from "../rights-queries.ts";
import { type Guest, guestInvitations, guests } from "./tables.ts";

/** A remote billing is asked about each owner who lets a phone in: not about any number of them. The oldest count, or anybody could displace them. */
const INVITATIONS_READ = 20;
const DAY = 86_400_000;

/** Who lets this phone in, and into what. */
export function invitationsOf(db: Db, operator: string, phone: string, at: Date) {
  return db
    .select({ uid: guests.uid, type: guests.type, grantedBy: guests.grantedBy })
    .from(guests)
    .where(and(eq(guests.operator, operator), eq(guests.phone, phone), gt(guests.expiresAt, at)))
    .orderBy(asc(guests.createdAt), asc(guests.uid))
    .limit(INVITATIONS_READ);
}

/** Whose time is not over: found by contract or phone, and never among all of those who live. */
export const isLater = (at: Date): SQL => sql`${compared(guests.expiresAt)} > ${at.getTime()}`;

/** The living guests of a contract, by phone. */
export function guestsOf(db: Db, operator: string, uid: number, at: Date) {
  return db
    .select()
    .from(guests)
    .where(and(eq(guests.operator, operator), eq(guests.uid, uid), isLater(at)))
    .orderBy(asc(guests.phone));
}

/** The guest as they are now, living or not. */
export function guestBy(db: Db, operator: string, uid: number, phone: string) {
  return db
    .select()
    .from(guests)
    .where(and(eq(guests.operator, operator), eq(guests.uid, uid), eq(guests.phone, phone)));
}

/** Lets somebody in or changes how; no row comes back when the contract has `most` other guests already. */
export function upsertGuest(db: Db, guest: Omit<Guest, "invitedAt">, most: number) {
  const { operator, uid, phone, type, expiresAt, grantedBy, createdAt } = guest;
  return db
    .insert(guests)
    .select(
      sql`SELECT ${operator}, ${uid}, ${phone}, ${type}, ${expiresAt.getTime()}, ${grantedBy}, NULL, ${createdAt.getTime()}
        WHERE (SELECT count(*) FROM guests AS g WHERE g.operator = ${operator} AND g.uid = ${uid}
          AND g.phone <> ${phone} AND +g.expires_at > ${createdAt.getTime()}) < ${most}`,
    )
    .onConflictDoUpdate({
      target: [guests.operator, guests.uid, guests.phone],
      set: { type, expiresAt, grantedBy },
    })
    .returning({ phone: guests.phone });
}

export function deleteGuest(db: Db, operator: string, uid: number, phone: string) {
  return db.delete(guests).where(and(eq(guests.operator, operator), eq(guests.uid, uid), eq(guests.phone, phone)));
}

/** Those whom one owner has let in. */
export function deleteGuestsBy(db: Db, operator: string, uid: number, grantedBy: string) {
  return db
    .delete(guests)
    .where(and(eq(guests.operator, operator), eq(guests.uid, uid), eq(guests.grantedBy, grantedBy)));
}

/** Ends the camera tokens of this guest: to be run before the row changes or goes. */
export function revokeCamerasOfGuest(db: Db, operator: string, uid: number, phone: string, at: Date) {
  const gone = sql`SELECT phone FROM guests
    WHERE operator = ${operator} AND uid = ${uid} AND phone = ${phone} AND type = 'inner'`;
  return revokeCamerasOfPhones(db, operator, gone, at);
}

/** Ends the camera tokens of every guest whose time is over: to be run before `deleteGuestsEndedBy`. */
export function revokeCamerasOfEndedGuests(db: Db, operator: string, at: Date) {
  const gone = sql`SELECT DISTINCT phone FROM guests
    WHERE operator = ${operator} AND expires_at <= ${at.getTime()} AND type = 'inner'`;
  return revokeCamerasOfPhones(db, operator, gone, at);
}

export function deleteGuestsEndedBy(db: Db, operator: string, at: Date) {
  return db
    .delete(guests)
    .where(and(eq(guests.operator, operator), lte(guests.expiresAt, at)))
    .returning({ phone: guests.phone, type: guests.type });
}

interface InvitationLimits {
  /** SMS in a day about one contract, and to one phone about any. */
  perHome: number;
  perPhone: number;
}

/** Notes an SMS to a guest; no row comes back when the day's are used up. Counted in the statement, so that none slips between. */
export function noteInvitation(
  db: Db,
  { operator, uid, phone, at }: { operator: string; uid: number; phone: string; at: Date },
  { perHome, perPhone }: InvitationLimits,
) {
  const since = at.getTime() - DAY;
  return db
    .insert(guestInvitations)
    .select(
      sql`SELECT NULL, ${operator}, ${uid}, ${phone}, ${at.getTime()}
        WHERE (SELECT count(*) FROM guest_invitations WHERE operator = ${operator} AND uid = ${uid} AND at > ${since}) < ${perHome}
          AND (SELECT count(*) FROM guest_invitations WHERE operator = ${operator} AND phone = ${phone} AND at > ${since}) < ${perPhone}`,
    )
    .returning({ id: guestInvitations.id });
}

export function markInvited(db: Db, operator: string, uid: number, phone: string, at: Date) {
  return db
    .update(guests)
    .set({ invitedAt: at })
    .where(and(eq(guests.operator, operator), eq(guests.uid, uid), eq(guests.phone, phone)));
}

export function deleteInvitationsBefore(db: Db, operator: string, at: Date) {
  return db.delete(guestInvitations).where(and(eq(guestInvitations.operator, operator), lte(guestInvitations.at, at)));
}
