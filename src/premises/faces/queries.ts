import { and, asc, eq, inArray, isNull, or, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { contractDeviceStates, contracts } from "#operator/tables.ts";
import { type Condition, compared, type Db } from "#platform/db.ts";
import { isContractOfRight, isStateOfRight, serviceState } from "../state-queries.ts";
import { devices, doors, homes, rights } from "../tables.ts";
import { type Face, faces, facesToForget } from "./tables.ts";

/** More than live in a flat. */
export const FACES_OF_FLAT = 200;

export function facesOf(db: Db, operator: string, uid: number) {
  return db
    .select()
    .from(faces)
    .where(and(eq(faces.operator, operator), eq(faces.uid, uid)))
    .orderBy(asc(faces.id))
    .limit(FACES_OF_FLAT)
    .all();
}

/** The faces that these accounts, named by a subquery, have marked, in whatever flats. */
export function facesMarkedBy(db: Db, operator: string, accounts: Condition, limit: number) {
  return db
    .select({ operator: faces.operator, uid: faces.uid, id: faces.id })
    .from(faces)
    .where(and(eq(faces.operator, operator), sql`${faces.accountId} IN (${accounts})`))
    .limit(limit)
    .all();
}

/** A face that is the flat's from now on, and that nobody forgets any more. */
export function keepFace(db: Db, face: Face) {
  const { operator, uid, id, ...fields } = face;
  return [
    db
      .insert(faces)
      .values(face)
      .onConflictDoUpdate({ target: [faces.operator, faces.uid, faces.id], set: fields }),
    db.delete(facesToForget).where(and(eq(facesToForget.operator, operator), eq(facesToForget.id, id))),
  ] as const;
}

/** Takes a face from a flat. If it was the last that had it, the face server is to forget it. */
export function dropFace(db: Db, { operator, uid, id }: Pick<Face, "operator" | "uid" | "id">, at: Date) {
  return [
    db
      .delete(faces)
      .where(and(eq(faces.operator, operator), eq(faces.uid, uid), eq(faces.id, id)))
      .returning(),
    db
      .insert(facesToForget)
      .select(
        sql`SELECT ${operator}, ${id}, ${at.getTime()} WHERE changes() > 0
          AND NOT EXISTS (SELECT 1 FROM ${faces} WHERE operator = ${operator} AND id = ${id})`,
      )
      .onConflictDoNothing(),
  ] as const;
}

/** The same with all faces of a flat. */
export function dropFacesOf(db: Db, operator: string, uid: number, at: Date) {
  return [
    db
      .insert(facesToForget)
      .select(
        sql`SELECT f.operator, f.id, ${at.getTime()} FROM ${faces} AS f WHERE f.operator = ${operator} AND f.uid = ${uid}
          AND NOT EXISTS (SELECT 1 FROM ${faces} AS o WHERE o.operator = f.operator AND o.id = f.id AND o.uid <> f.uid)`,
      )
      .onConflictDoNothing(),
    db.delete(faces).where(and(eq(faces.operator, operator), eq(faces.uid, uid))),
  ] as const;
}

/** Faces that the face server is to forget, the longest waiting first. */
export function facesToDelete(db: Db, operator: string, limit: number) {
  return db
    .select({ id: facesToForget.id, since: facesToForget.since })
    .from(facesToForget)
    .where(eq(facesToForget.operator, operator))
    .orderBy(asc(facesToForget.since))
    .limit(limit)
    .all();
}

/** Forgets that they were to be forgotten; one that was dropped anew meanwhile stays. */
export function faceForgotten(db: Db, operator: string, list: readonly { id: number; since: Date }[]) {
  const pairs = JSON.stringify(list.map(({ id, since }) => `${id} ${since.getTime()}`));
  return db
    .delete(facesToForget)
    .where(
      and(
        eq(facesToForget.operator, operator),
        sql`${facesToForget.id} || ' ' || ${facesToForget.since} IN (SELECT value FROM json_each(${pairs}))`,
      ),
    );
}

/**
 * Flats that have marked a face, let faces in, and have a right to a door that this camera looks at, with their service state
 * there; null where only a remote billing knows it.
 */
export function flatsKnowing(db: Db, operator: string, { faceId, cameraId }: { faceId: number; cameraId: number }) {
  const cam = alias(devices, "cam");
  return db
    .select({
      uid: rights.uid,
      doorId: doors.id,
      lockId: doors.deviceId,
      title: cam.title,
      markedBy: faces.accountId,
      state: serviceState,
    })
    .from(doors)
    .innerJoin(
      devices,
      and(eq(devices.deviceId, doors.deviceId), eq(devices.isActive, true), inArray(devices.type, [3])),
    )
    .innerJoin(cam, eq(cam.deviceId, doors.cam))
    .innerJoin(rights, and(eq(compared(rights.operator), operator), eq(rights.deviceId, doors.deviceId)))
    .innerJoin(faces, and(eq(faces.operator, operator), eq(faces.uid, rights.uid), eq(faces.id, faceId)))
    .leftJoin(homes, and(eq(homes.operator, operator), eq(homes.uid, rights.uid)))
    .leftJoin(contracts, isContractOfRight(operator))
    .leftJoin(contractDeviceStates, isStateOfRight(operator))
    .where(
      and(
        eq(compared(doors.operator), operator),
        eq(doors.cam, cameraId),
        or(isNull(homes.uid), eq(homes.frsOff, false)),
      ),
    )
    .orderBy(asc(doors.id), asc(rights.uid))
    .limit(20);
}
