import { and, eq, inArray, sql } from "drizzle-orm";
import { contractPhones } from "#operator/tables.ts";
import { compared, type Db } from "#platform/db.ts";
import { uidsOf, type Whose } from "../queries.ts";
import { devices, doors, rights } from "../tables.ts";
import { isLater } from "./queries.ts";
import { guests } from "./tables.ts";

/** The contracts with a way in that an outer guest may take. */
export function gatesOf(db: Db, operator: string, whose: Whose) {
  return db
    .selectDistinct({ uid: rights.uid })
    .from(rights)
    .innerJoin(devices, and(eq(devices.deviceId, rights.deviceId), eq(devices.type, 3), eq(devices.isActive, true)))
    .innerJoin(doors, and(eq(doors.operator, rights.operator), eq(doors.deviceId, rights.deviceId)))
    .where(
      and(
        eq(rights.operator, operator),
        sql`${rights.uid} IN ${uidsOf(operator, whose)}`,
        inArray(doors.icon, ["gate", "barrier", "wicket"]),
      ),
    );
}

/** The phones of these contracts, where our own billing knows them. */
export function ownersOf(db: Db, operator: string, whose: Whose) {
  return db
    .select({ uid: contractPhones.uid, phone: contractPhones.phone })
    .from(contractPhones)
    .where(and(eq(contractPhones.operator, operator), sql`${contractPhones.uid} IN ${uidsOf(operator, whose)}`))
    .orderBy(compared(contractPhones.phone)); // in the primary key's order SQLite would walk through everybody's phones
}

/** The living guests of these contracts. */
export function guestsOfAll(db: Db, operator: string, whose: Whose, at: Date) {
  return db
    .select()
    .from(guests)
    .where(and(eq(guests.operator, operator), sql`${guests.uid} IN ${uidsOf(operator, whose)}`, isLater(at)))
    .orderBy(compared(guests.phone));
}
