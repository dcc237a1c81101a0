import { and, asc, desc, eq, getTableColumns, gt, inArray, isNull, lt, ne, type SQL, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { mfaTokens } from "../login/tables.ts";
import { totpSecrets } from "../totp/tables.ts";
import { EVERYWHERE, type Grant } from "./roles.ts";
import { type Admin, adminRoles, adminSessions, admins } from "./tables.ts";

// Administrators belong to the deployment: everything here but a role's operator stands under `*`.

const ADMINS = EVERYWHERE;
const isAdmin = (id: string) => and(eq(admins.operator, ADMINS), eq(admins.id, id));

const grants =
  sql`(SELECT json_group_array(json_object('role', r.role, 'operator', r.operator) ORDER BY r.operator, r.role)
  FROM admin_roles AS r WHERE r.admin_id = admins.id)`.mapWith((json) => JSON.parse(json) as Grant[]);

const withGrants = { ...getTableColumns(admins), roles: grants };

/** Whether nobody is superadmin everywhere: what the first one is allowed by. */
const noSuperadmin = sql`NOT EXISTS (SELECT 1 FROM admin_roles WHERE operator = ${EVERYWHERE} AND role = 'superadmin')`;

export function superadmins(db: Db) {
  return db
    .select({ id: adminRoles.adminId })
    .from(adminRoles)
    .where(and(eq(adminRoles.operator, EVERYWHERE), eq(adminRoles.role, "superadmin")))
    .limit(1);
}

type NewAdmin = Pick<Admin, "id" | "login" | "name" | "createdAt"> & Partial<Admin>;

/** The first superadmin, if there is none; the statements behind it in the batch ask whether it was written. */
export function insertFirstAdmin(db: Db, { id, login, name, phc, createdAt }: NewAdmin & { phc: string }) {
  return [
    db
      .insert(admins)
      .select(
        sql`SELECT ${ADMINS}, ${id}, ${login}, NULL, ${name}, ${phc}, 'active', NULL, NULL, NULL, NULL, ${createdAt.getTime()}, NULL, 1
          WHERE ${noSuperadmin}`,
      )
      .returning({ id: admins.id }),
    db.insert(adminRoles).select(sql`SELECT ${EVERYWHERE}, ${id}, 'superadmin' WHERE ${ifChanged}`),
  ] as const;
}

/** A new secret for an administrator whose row the statement before has written; of a lost race it writes nothing. */
export function replaceAdminTotp(db: Db, id: string, sealed: string, now: Date) {
  return db
    .insert(totpSecrets)
    .select(sql`SELECT ${ADMINS}, ${id}, ${sealed}, 0, NULL, ${now.getTime()} WHERE ${ifChanged}`)
    .onConflictDoUpdate({
      target: [totpSecrets.operator, totpSecrets.ownerId],
      set: { sealed, lastStep: 0, confirmedAt: null, createdAt: now },
    });
}

export function insertAdmin(db: Db, admin: NewAdmin) {
  return db.insert(admins).values({ status: "invited", ...admin, operator: ADMINS });
}

export function adminById(db: Db, id: string) {
  return db
    .select(withGrants)
    .from(admins)
    .where(and(isAdmin(id), ne(admins.status, "deleted")))
    .limit(1);
}

export function adminByLogin(db: Db, login: string) {
  return db
    .select()
    .from(admins)
    .where(and(eq(admins.operator, ADMINS), eq(admins.login, login)))
    .limit(1);
}

export function adminBySetup(db: Db, setupHash: string, now: Date) {
  return db
    .select()
    .from(admins)
    .where(and(eq(admins.operator, ADMINS), eq(admins.setupHash, setupHash), gt(admins.setupUntil, now)))
    .limit(1);
}

export function adminsAfter(db: Db, cursor: string, limit: number) {
  return db
    .select(withGrants)
    .from(admins)
    .where(and(eq(admins.operator, ADMINS), ne(admins.status, "deleted"), gt(admins.id, cursor)))
    .orderBy(asc(admins.id))
    .limit(limit);
}

export type AdminRow = Awaited<ReturnType<typeof adminById>>[number];

/** True for whoever may go: no superadmin, or not the last one who can sign in. One writer decides, so two cannot go at once. */
const mayGo = (id: string): SQL => sql`(
  NOT EXISTS (SELECT 1 FROM admin_roles WHERE admin_id = ${id} AND operator = ${EVERYWHERE} AND role = 'superadmin')
  OR EXISTS (
    SELECT 1 FROM admin_roles AS r JOIN admins AS a ON a.operator = ${ADMINS} AND a.id = r.admin_id
    WHERE r.operator = ${EVERYWHERE} AND r.role = 'superadmin' AND r.admin_id <> ${id} AND a.status = 'active'))`;

interface When {
  ver?: number | undefined;
  status?: readonly Admin["status"][];
  setupHash?: string;
  /** Only where a superadmin is left. */
  unlessLast?: boolean;
}

export function updateAdmin(
  db: Db,
  id: string,
  change: Partial<Omit<Admin, "operator" | "id" | "ver">>,
  { ver, status = ["invited", "active", "banned"], setupHash, unlessLast = false }: When = {},
) {
  return db
    .update(admins)
    .set({ ...change, ver: sql`${admins.ver} + 1` })
    .where(
      and(
        isAdmin(id),
        inArray(admins.status, [...status]),
        ver === undefined ? undefined : eq(admins.ver, ver),
        setupHash === undefined ? undefined : eq(admins.setupHash, setupHash),
        unlessLast ? mayGo(id) : undefined,
      ),
    )
    .returning({ ver: admins.ver });
}

/** Leaves the administrator with exactly these roles, if the row has that version. */
export function replaceGrants(db: Db, id: string, roles: readonly Grant[], ver: number) {
  const isStill = sql`EXISTS (SELECT 1 FROM admins WHERE operator = ${ADMINS} AND id = ${id} AND ver = ${ver})`;
  const list = JSON.stringify(roles);
  return [
    db.delete(adminRoles).where(and(eq(adminRoles.adminId, id), isStill)),
    db
      .insert(adminRoles)
      .select(
        sql`SELECT DISTINCT value ->> 'operator', ${id}, value ->> 'role' FROM json_each(${list}) WHERE ${isStill}`,
      ),
  ] as const;
}

/** Takes all roles from an administrator who is deleted, and from nobody else. */
export function dropGrantsOfDeleted(db: Db, id: string) {
  return db
    .delete(adminRoles)
    .where(
      and(
        eq(adminRoles.adminId, id),
        sql`EXISTS (SELECT 1 FROM admins WHERE operator = ${ADMINS} AND id = ${id} AND status = 'deleted')`,
      ),
    );
}

const operatorIds = sql`(SELECT json_group_array(operator) FROM operators)`.mapWith(
  (json) => JSON.parse(json) as string[],
);

/**
 * The session behind a cookie, its administrator with roles, whether the second step is set up, and which operators there are.
 * Not for a batch, where columns of one name fall together.
 */
export function sessionByHash(db: Db, hash: string) {
  return db
    .select({
      session: adminSessions,
      admin: withGrants,
      totpConfirmedAt: totpSecrets.confirmedAt,
      operators: operatorIds,
    })
    .from(adminSessions)
    .innerJoin(admins, and(eq(admins.operator, ADMINS), eq(admins.id, adminSessions.adminId)))
    .leftJoin(totpSecrets, and(eq(totpSecrets.operator, ADMINS), eq(totpSecrets.ownerId, admins.id)))
    .where(and(eq(adminSessions.operator, ADMINS), eq(adminSessions.hash, hash)))
    .limit(1);
}

export function insertAdminSession(db: Db, session: Omit<typeof adminSessions.$inferInsert, "operator">) {
  return db.insert(adminSessions).values({ ...session, operator: ADMINS });
}

/** Sessions that were over by then, by whatever end. */
export function deleteOldAdminSessions(db: Db, before: Date) {
  return db.delete(adminSessions).where(lt(adminSessions.absoluteAt, before));
}

const isLive = (hash: string) =>
  and(eq(adminSessions.operator, ADMINS), eq(adminSessions.hash, hash), isNull(adminSessions.endedAt));

export function changeAdminSession(
  db: Db,
  hash: string,
  change: Partial<Pick<typeof adminSessions.$inferInsert, "lastSeenAt" | "authAt" | "endedAt">>,
) {
  return db.update(adminSessions).set(change).where(isLive(hash)).returning({ hash: adminSessions.hash });
}

/** All living sessions of an administrator but the latest `keep`. */
export function endAdminSessions(db: Db, adminId: string, now: Date, keep = 0) {
  const surplus = db
    .select({ hash: adminSessions.hash })
    .from(adminSessions)
    .where(and(eq(adminSessions.operator, ADMINS), eq(adminSessions.adminId, adminId), isNull(adminSessions.endedAt)))
    .orderBy(desc(adminSessions.createdAt), desc(adminSessions.hash))
    .limit(1000)
    .offset(keep);
  return db
    .update(adminSessions)
    .set({ endedAt: now })
    .where(and(eq(adminSessions.operator, ADMINS), inArray(adminSessions.hash, surplus)));
}

export function insertMfaToken(db: Db, hash: string, adminId: string, expiresAt: Date) {
  return db
    .insert(mfaTokens)
    .values({ operator: ADMINS, hash, subjectId: adminId, clientId: "operations", amr: ["pwd"], expiresAt });
}

/**
 * Takes one try of the second step; returns nothing where the token is unknown, used, too old or tried through, or where the
 * administrator has had `perHour` tries within the hour, over all tokens that a right password got.
 */
export function takeMfaTry(
  db: Db,
  hash: string,
  { now, tries, perHour, lifeMs }: { now: Date; tries: number; perHour: number; lifeMs: number },
) {
  const since = now.getTime() + lifeMs - 3_600_000;
  const triesOfHour = sql`(SELECT coalesce(sum(m.tries), 0) FROM mfa_tokens AS m
    WHERE m.operator = ${ADMINS} AND m.subject_id = ${mfaTokens.subjectId} AND m.used_at IS NULL AND m.expires_at > ${since})`;
  return db
    .update(mfaTokens)
    .set({ tries: sql`${mfaTokens.tries} + 1` })
    .where(
      and(
        isMfaToken(hash),
        isNull(mfaTokens.usedAt),
        gt(mfaTokens.expiresAt, now),
        lt(mfaTokens.tries, tries),
        sql`${triesOfHour} < ${perHour}`,
      ),
    )
    .returning({ adminId: mfaTokens.subjectId, tries: mfaTokens.tries });
}

export function useMfaToken(db: Db, hash: string, now: Date) {
  return db
    .update(mfaTokens)
    .set({ usedAt: now })
    .where(and(isMfaToken(hash), isNull(mfaTokens.usedAt)))
    .returning({ adminId: mfaTokens.subjectId });
}

const isMfaToken = (hash: string) => and(eq(mfaTokens.operator, ADMINS), eq(mfaTokens.hash, hash));
