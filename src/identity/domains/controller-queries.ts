import { and, asc, eq, isNull, type SQL, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { controllers } from "../controllers/tables.ts";
import { policies, resources } from "../policies/tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

const controllerIs = (operator: string, id: string) => and(eq(controllers.operator, operator), eq(controllers.id, id));

/** For the `WHERE` of whatever puts a controller into a domain: the domain is there, and has room for one more. */
export const hasRoomForController = (operator: string, domainId: string, room: number): SQL =>
  sql`(EXISTS (SELECT 1 FROM domains d WHERE d.operator = ${operator} AND d.id = ${domainId} AND d.status = 'active')
    AND (SELECT count(*) FROM controllers n WHERE n.operator = ${operator} AND n.domain_id = ${domainId}) < ${room})`;

const isMembers = (operator: string, domainId: string, now: Date) =>
  sql<number>`EXISTS (SELECT 1 FROM domain_members m WHERE m.operator = ${operator} AND m.domain_id = ${domainId}
    AND m.account_id = ${controllers.ownerAccountId} AND (m.expires_at IS NULL OR m.expires_at > ${now.getTime()}))`;

/** A controller, and how it stands to a domain: whether a current member owns it, and how many the domain has. */
export function controllerBeside(db: Db, operator: string, id: string, domainId: string, now: Date) {
  return db
    .select({
      controller: controllers,
      ofMember: isMembers(operator, domainId, now),
      attached: sql<number>`(SELECT count(*) FROM controllers n WHERE n.operator = ${operator} AND n.domain_id = ${domainId})`,
    })
    .from(controllers)
    .where(controllerIs(operator, id))
    .get();
}

export function controllersIn(db: Db, operator: string, domainId: string, limit: number) {
  return db
    .select({ id: controllers.id })
    .from(controllers)
    .where(and(eq(controllers.operator, operator), eq(controllers.domainId, domainId)))
    .orderBy(asc(controllers.id))
    .limit(limit)
    .all();
}

/** Puts a claimed controller that is in no domain, and that a member owns, into this one, if there is room. */
export function attachController(
  db: Db,
  operator: string,
  { domainId, deviceId, room }: { domainId: string; deviceId: string; room: number },
  now: Date,
) {
  return db
    .update(controllers)
    .set({ domainId, ver: sql`${controllers.ver} + 1` })
    .where(
      and(
        controllerIs(operator, deviceId),
        eq(controllers.status, "claimed"),
        isNull(controllers.domainId),
        isMembers(operator, domainId, now),
        hasRoomForController(operator, domainId, room),
      ),
    )
    .returning({ id: controllers.id });
}

export function detachController(db: Db, operator: string, domainId: string, deviceId: string, onlyIf?: SQL) {
  return db
    .update(controllers)
    .set({ domainId: null, ver: sql`${controllers.ver} + 1` })
    .where(and(controllerIs(operator, deviceId), eq(controllers.domainId, domainId), onlyIf))
    .returning({ id: controllers.id });
}

/** Behind a controller's entry into a domain: what rights on it hang on. */
export function insertControllerResource(db: Db, operator: string, domainId: string, deviceId: string) {
  return db
    .insert(resources)
    .select(sql`SELECT ${operator}, 'controller', ${deviceId}, ${domainId}, NULL, NULL, NULL WHERE ${ifChanged}`)
    .onConflictDoUpdate({ target: [resources.operator, resources.type, resources.id], set: { domainId } });
}

/** Rights on a controller that is not in the domain (any more), on what hangs below it, and the rights it had itself. */
export function deleteControllerPolicies(db: Db, operator: string, domainId: string, deviceId: string) {
  const below = sql`SELECT 1 FROM resources r WHERE r.operator = ${operator} AND r.domain_id = ${domainId} AND r.parent_type = 'controller'
    AND r.parent_id = ${deviceId} AND r.type = ${policies.resType} AND r.id = ${policies.resId}`;
  return db.delete(policies).where(
    and(
      eq(policies.operator, operator),
      eq(policies.domainId, domainId),
      sql`((${policies.resType} = 'controller' AND ${policies.resId} = ${deviceId})
        OR (${policies.subjType} = 'device' AND ${policies.subjId} = ${deviceId}) OR EXISTS (${below}))`,
      isElsewhere(operator, domainId, deviceId),
    ),
  );
}

/** A controller that is not in the domain (any more), and what hangs below it, is nothing there to have a right on. */
export function deleteControllerResources(db: Db, operator: string, domainId: string, deviceId: string) {
  return db.delete(resources).where(
    and(
      eq(resources.operator, operator),
      eq(resources.domainId, domainId),
      sql`((${resources.type} = 'controller' AND ${resources.id} = ${deviceId})
          OR (${resources.parentType} = 'controller' AND ${resources.parentId} = ${deviceId}))`,
      isElsewhere(operator, domainId, deviceId),
    ),
  );
}

const isElsewhere = (operator: string, domainId: string, deviceId: string) =>
  sql`NOT EXISTS (SELECT 1 FROM controllers n WHERE n.operator = ${operator} AND n.id = ${deviceId} AND n.domain_id = ${domainId})`;
