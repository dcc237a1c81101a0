import { and, asc, eq, inArray, lte, ne, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { listed } from "../registry-queries.ts";
import { type PanelJob, panelJobs } from "./tables.ts";

/** Whose keys a change may concern: a contract's, those on some panels, or those of every contract with a right to some locks. */
export type Scope = { uid: number } | { panels: readonly number[] } | { locks: readonly number[] };

export interface Wanting {
  operator: string;
  scope: Scope;
  /** Whether flats are in our contracts. Where they are not, the operator's billing is asked before a key leaves. */
  hasFlats: boolean;
  now: Date;
}

/**
 * The keys that panels are to hold: those of each contract with a right to a lock, on the active camera of the lock's first door,
 * if that is a panel that takes keys. `flat` stands in for that of a contract which has just been deleted.
 */
function wanted({ operator, scope, hasFlats }: Wanting, flat: string | null = null): SQL {
  const isMeant =
    "uid" in scope
      ? sql`r.operator = ${operator} AND r.uid = ${scope.uid}`
      : "panels" in scope
        ? sql`+r.operator = ${operator} AND d.device_id IN ${listed(scope.panels)}
            AND r.device_id IN (SELECT device_id FROM doors WHERE cam IN ${listed(scope.panels)})`
        : sql`r.operator = ${operator}
            AND r.uid IN (SELECT uid FROM rights WHERE +operator = ${operator} AND device_id IN ${listed(scope.locks)})`;
  const hasNumber = hasFlats
    ? sql`coalesce(c.flat, ${flat}, '') GLOB '[0-9]*' AND coalesce(c.flat, ${flat}) NOT GLOB '*[^0-9]*'`
    : sql`true`;
  return sql`SELECT DISTINCT d.device_id AS device_id, r.uid AS uid, k.key AS key, coalesce(c.flat, ${flat}, '') AS flat
    FROM rights AS r
    JOIN devices AS l ON l.device_id = r.device_id AND l.type = 3 AND l.is_active = 1
    JOIN doors AS o ON o.id = (SELECT min(x.id) FROM doors AS x WHERE x.device_id = l.device_id)
    JOIN devices AS d ON d.device_id = o.cam AND d.type IN (1, 2) AND d.is_active = 1
      AND d.paneltype IN (1, 2) AND d.panelip IS NOT NULL
    JOIN keys AS k ON k.operator = r.operator AND k.uid = r.uid
    LEFT JOIN contracts AS c ON c.operator = r.operator AND c.uid = r.uid
    WHERE ${isMeant} AND ${hasNumber}`;
}

const rows = (wanting: Wanting, state: PanelJob["state"], source: SQL) => {
  const at = wanting.now.getTime();
  return sql`SELECT ${wanting.operator}, device_id, uid, key, 'add', flat, 1, ${state}, 0, ${at}, NULL, ${at}
    FROM (${source}) WHERE true`;
};

/** Notes what panels hold, where it was not noted: for before a change that takes some of it away. */
export function rememberKeys(db: Db, wanting: Wanting, flat: string | null = null) {
  return db
    .insert(panelJobs)
    .select(rows(wanting, "done", wanted(wanting, flat)))
    .onConflictDoNothing();
}

/** Has panels told of the keys that they lack, and of `again` (a key, or all of them) even if they have it. For after a change. */
export function wantKeys(db: Db, wanting: Wanting, again: { key: string } | "all" | "none" = "none") {
  const isAgain = again === "all" ? sql`true` : again === "none" ? sql`false` : sql`excluded.key = ${again.key}`;
  return db
    .insert(panelJobs)
    .select(rows(wanting, "queued", wanted(wanting)))
    .onConflictDoUpdate({
      target: [panelJobs.operator, panelJobs.deviceId, panelJobs.uid, panelJobs.key],
      set: {
        change: "add",
        flat: sql`excluded.flat`,
        ...queuedAnew(wanting.now),
      },
      setWhere: sql`${isAgain} OR ${panelJobs.change} = 'remove' OR ${panelJobs.flat} <> excluded.flat`,
    });
}

/** Has panels told to forget the keys that they are no longer to hold. For after a change. */
export function unwantKeys(db: Db, wanting: Wanting) {
  const { operator, scope } = wanting;
  const { deviceId, uid, key } = panelJobs;
  const isMeant =
    "uid" in scope
      ? sql`${uid} = ${scope.uid}`
      : "panels" in scope
        ? sql`${deviceId} IN ${listed(scope.panels)}`
        : sql`${uid} IN (SELECT uid FROM rights WHERE +operator = ${operator} AND device_id IN ${listed(scope.locks)})`;
  return db
    .update(panelJobs)
    .set({ change: "remove", ...queuedAnew(wanting.now) })
    .where(
      and(
        ...[eq(panelJobs.operator, operator), eq(panelJobs.change, "add"), isMeant],
        sql`(${deviceId}, ${uid}, ${key}) NOT IN (SELECT device_id, uid, key FROM (${wanted(wanting)}))`,
      ),
    );
}

/** What a panel did not take is tried again: it has another address, or another password. */
export function retryFailed(db: Db, operator: string, deviceId: number, now: Date) {
  return db
    .update(panelJobs)
    .set(queuedAnew(now))
    .where(and(eq(panelJobs.operator, operator), eq(panelJobs.deviceId, deviceId), eq(panelJobs.state, "failed")));
}

/** Makes due what was given up and whose time has come again. The attempts stay counted: one more is all that it gets. */
export function tryFailedOnceMore(db: Db, operator: string, now: Date, limit: number) {
  return db
    .update(panelJobs)
    .set({ state: "queued" })
    .where(
      sql`rowid IN (SELECT rowid FROM panel_jobs INDEXED BY panel_jobs_due
        WHERE operator = ${operator} AND state = 'failed' AND next_attempt_at <= ${now.getTime()} LIMIT ${limit})`,
    );
}

/** A panel that is gone takes no keys. */
export function forgetPanel(db: Db, operator: string, deviceId: number) {
  return db.delete(panelJobs).where(and(eq(panelJobs.operator, operator), eq(panelJobs.deviceId, deviceId)));
}

const queuedAnew = (now: Date) => ({
  ...{ state: "queued" as const, attempts: 0, nextAttemptAt: now, error: null, updatedAt: now },
  version: sql`${panelJobs.version} + 1`,
});

/** What is due, longest first. A consumer that died leaves its row behind, and its time passes as well. */
export function dueJobs(db: Db, operator: string, due: Date, limit: number) {
  return db
    .select({ device: panelJobs.deviceId, uid: panelJobs.uid, key: panelJobs.key })
    .from(panelJobs)
    .where(
      and(
        eq(panelJobs.operator, operator),
        inArray(panelJobs.state, ["queued", "sending"]),
        lte(panelJobs.nextAttemptAt, due),
      ),
    )
    .orderBy(asc(panelJobs.nextAttemptAt))
    .limit(limit);
}

export type JobName = Pick<PanelJob, "deviceId" | "uid" | "key">;

const isJob = (operator: string, { deviceId, uid, key }: JobName) =>
  and(
    ...[eq(panelJobs.operator, operator), eq(panelJobs.deviceId, deviceId)],
    ...[eq(panelJobs.uid, uid), eq(panelJobs.key, key)],
  );

/** Takes a job that is due, for one attempt until `until`; nothing comes back for one that is somebody else's or done. */
export function claimJob(db: Db, operator: string, name: JobName, { dueBy, until }: { dueBy: Date; until: Date }) {
  return db
    .update(panelJobs)
    .set({ state: "sending", attempts: sql`${panelJobs.attempts} + 1`, nextAttemptAt: until })
    .where(
      and(isJob(operator, name), inArray(panelJobs.state, ["queued", "sending"]), lte(panelJobs.nextAttemptAt, dueBy)),
    )
    .returning();
}

/** Writes what came of an attempt; nothing comes back when something else has been wanted meanwhile. */
export function settleJob(db: Db, { operator, ...job }: PanelJob, change: Partial<PanelJob>) {
  return db
    .update(panelJobs)
    .set(change)
    .where(and(isJob(operator, job), eq(panelJobs.version, job.version)))
    .returning({ version: panelJobs.version });
}

/**
 * An attempt of before may have reached the panel after a later one, be that over or still under way: what is wanted is sent once
 * more. The new version keeps the one under way from taking it for done.
 */
export function sendOnceMore(db: Db, { operator, ...job }: PanelJob, now: Date) {
  return db
    .update(panelJobs)
    .set({ state: "queued", nextAttemptAt: now, version: sql`${panelJobs.version} + 1` })
    .where(and(isJob(operator, job), inArray(panelJobs.state, ["done", "sending"])));
}

/** Another contract that is to have the same key on the same panel. */
export function otherHolder(db: Db, { operator, deviceId, uid, key }: PanelJob) {
  return db
    .select({ uid: panelJobs.uid, flat: panelJobs.flat, version: panelJobs.version })
    .from(panelJobs)
    .where(
      and(
        ...[eq(panelJobs.operator, operator), eq(panelJobs.deviceId, deviceId), eq(panelJobs.key, key)],
        ...[ne(panelJobs.uid, uid), eq(panelJobs.change, "add")],
      ),
    )
    .orderBy(asc(panelJobs.uid))
    .limit(1)
    .get();
}

/** Keys that panels have forgotten long ago. */
export function deleteForgotten(db: Db, operator: string, before: Date, limit: number) {
  return db.delete(panelJobs).where(
    sql`rowid IN (SELECT rowid FROM panel_jobs INDEXED BY panel_jobs_forgotten
      WHERE operator = ${operator} AND change = 'remove' AND state = 'done' AND updated_at < ${before.getTime()} LIMIT ${limit})`,
  );
}
