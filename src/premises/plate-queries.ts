import { and, asc, eq, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { plates } from "./tables.ts";

export function platesOfContract(db: Db, operator: string, uid: number) {
  return db
    .select({ plate: plates.plate, comment: plates.comment })
    .from(plates)
    .where(and(eq(plates.operator, operator), eq(plates.uid, uid)))
    .orderBy(asc(plates.createdAt), asc(plates.plate))
    .all();
}

export function upsertPlate(db: Db, plate: typeof plates.$inferInsert) {
  return db
    .insert(plates)
    .values(plate)
    .onConflictDoUpdate({
      target: [plates.operator, plates.plate, plates.uid],
      set: { comment: sql`excluded.comment` },
    });
}

export function deletePlateRow(db: Db, operator: string, uid: number, plate: string) {
  return db.delete(plates).where(and(eq(plates.operator, operator), eq(plates.plate, plate), eq(plates.uid, uid)));
}
