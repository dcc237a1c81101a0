import { and, eq, gt, isNull, lt, lte, or, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { accounts } from "../accounts/tables.ts";
import { clients } from "../clients/tables.ts";
import type { Amr } from "../sessions/tables.ts";
import { type DeviceGrant, deviceGrants } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

export function insertGrant(db: Db, grant: typeof deviceGrants.$inferInsert) {
  return db.insert(deviceGrants).values(grant);
}

const isGrant = (operator: string, id: string) => and(eq(deviceGrants.operator, operator), eq(deviceGrants.id, id));

export function grantById(db: Db, operator: string, id: string) {
  return db.select().from(deviceGrants).where(isGrant(operator, id)).get();
}

/** The open grant whose code is on a screen, and the name of the client that shows it. */
export function openGrant(db: Db, operator: string, userCodeHash: string, now: Date) {
  return db
    .select({ grant: deviceGrants, clientName: clients.name })
    .from(deviceGrants)
    .leftJoin(clients, and(eq(clients.operator, deviceGrants.operator), eq(clients.id, deviceGrants.clientId)))
    .where(isOpen(operator, userCodeHash, now))
    .get();
}

const isOpen = (operator: string, userCodeHash: string, now: Date) =>
  and(
    eq(deviceGrants.operator, operator),
    eq(deviceGrants.userCodeHash, userCodeHash),
    eq(deviceGrants.status, "pending"),
    gt(deviceGrants.expiresAt, now),
  );

interface Decision {
  status: "approved" | "denied";
  accountId: string;
  amr: Amr[];
  authAt: Date;
}

/** Decides an open grant, once; returns nothing where there is none. The account's epoch is kept, so that what ends its sessions ends the grant. */
export function decideGrant(db: Db, operator: string, userCodeHash: string, decision: Decision, now: Date) {
  const epoch = sql`(SELECT ${accounts.epoch} FROM ${accounts}
    WHERE ${accounts.operator} = ${operator} AND ${accounts.id} = ${decision.accountId})`;
  return db
    .update(deviceGrants)
    .set({ ...decision, epoch })
    .where(isOpen(operator, userCodeHash, now))
    .returning({ clientId: deviceGrants.clientId });
}

/** Notes that a pending grant was asked for; returns nothing where that is too soon after the last time. */
export function notePoll(db: Db, operator: string, id: string, before: Date, now: Date) {
  return db
    .update(deviceGrants)
    .set({ polledAt: now })
    .where(
      and(
        isGrant(operator, id),
        eq(deviceGrants.status, "pending"),
        or(isNull(deviceGrants.polledAt), lte(deviceGrants.polledAt, before)),
      ),
    )
    .returning({ id: deviceGrants.id });
}

/** From now on the grant has to be asked for `more` seconds less often. */
export function slowDown(db: Db, operator: string, id: string, more: number, now: Date) {
  return db
    .update(deviceGrants)
    .set({ polledAt: now, intervalS: sql`${deviceGrants.intervalS} + ${more}` })
    .where(and(isGrant(operator, id), eq(deviceGrants.status, "pending")));
}

/** Takes an approved grant, once: an empty answer means that somebody else was faster. */
export function useGrant(db: Db, operator: string, id: string) {
  return db
    .update(deviceGrants)
    .set({ status: "used" satisfies DeviceGrant["status"] })
    .where(and(isGrant(operator, id), eq(deviceGrants.status, "approved")))
    .returning({ id: deviceGrants.id });
}

/** Grants of any operator that nobody can use any more, some at a time. */
export function deleteOldGrants(db: Db, before: Date, limit: number) {
  const old = db
    .select({ rowid: sql`rowid` })
    .from(deviceGrants)
    .where(lt(deviceGrants.expiresAt, before))
    .limit(limit);
  return db.delete(deviceGrants).where(sql`rowid IN ${old}`);
}
