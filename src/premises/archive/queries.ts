import { and, asc, eq, inArray, isNull, lte, notInArray, or, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type Fragment, type FragmentReader, fragmentReaders, fragments, type Part } from "./tables.ts";

// Reads return rows, writes return unawaited statements.

/** What names a fragment: the same for everybody who wants this stretch of this camera. */
export type FragmentKey = Pick<Fragment, "operator" | "deviceId" | "from" | "to">;
export type NewFragment = FragmentKey & Pick<Fragment, "title" | "url" | "serverType" | "createdAt" | "expiresAt">;
export type NewReader = Pick<FragmentReader, "accountId" | "phone" | "uid">;

const keyIs = ({ operator, deviceId, from, to }: FragmentKey) =>
  and(
    eq(fragments.operator, operator),
    eq(fragments.deviceId, deviceId),
    eq(fragments.from, from),
    eq(fragments.to, to),
  );

const byId = (operator: string, id: number) => and(eq(fragments.operator, operator), eq(fragments.id, id));

/** Holds while the person may have another one made, or is a reader of this one already. */
const mayAsk = (key: FragmentKey, { accountId }: NewReader, { since, most }: { since: Date; most: number }): SQL => sql`
  ((SELECT count(*) FROM fragment_readers AS r
    WHERE r.operator = ${key.operator} AND r.account_id = ${accountId} AND r.asked_at > ${since.getTime()}) < ${most}
   OR EXISTS (SELECT 1 FROM fragments AS f JOIN fragment_readers AS r
    ON r.operator = f.operator AND r.fragment_id = f.id AND r.account_id = ${accountId}
    WHERE f.operator = ${key.operator} AND f.device_id = ${key.deviceId} AND f.from_s = ${key.from} AND f.to_s = ${key.to}))`;

/** Makes the fragment, or begins anew one that failed or is about to be deleted; a living one is kept for longer. */
export function requestFragment(
  db: Db,
  fragment: NewFragment,
  reader: NewReader,
  limit: { since: Date; most: number },
) {
  const { operator, deviceId, from, to, title, url, serverType, createdAt, expiresAt } = fragment;
  const now = createdAt.getTime();
  const isOver = sql`(${fragments.state} = 'failed' OR ${fragments.expiresAt} <= ${now})`;
  const anew = <T>(value: T, column: SQL | unknown) => sql`CASE WHEN ${isOver} THEN ${value} ELSE ${column} END`;
  return db
    .insert(fragments)
    .select(
      sql`SELECT NULL, ${operator}, ${deviceId}, ${from}, ${to}, ${title}, ${url}, ${serverType}, 'queued', 0, ${now},
        NULL, '[]', NULL, NULL, NULL, ${now}, NULL, ${expiresAt.getTime()} WHERE ${mayAsk(fragment, reader, limit)}`,
    )
    .onConflictDoUpdate({
      target: [fragments.operator, fragments.deviceId, fragments.from, fragments.to],
      set: {
        url: anew(url, fragments.url),
        serverType: anew(serverType, fragments.serverType),
        attempts: anew(0, fragments.attempts),
        nextAttemptAt: anew(now, fragments.nextAttemptAt),
        error: anew(null, fragments.error),
        state: anew("queued", fragments.state),
        expiresAt: expiresAt,
      },
    });
}

/** Notes who wants it. Whoever asks again for one that is made anew is told again. */
export function addReader(
  db: Db,
  key: FragmentKey,
  reader: NewReader,
  limit: { since: Date; most: number },
  now: Date,
) {
  const { accountId, phone, uid } = reader;
  return db
    .insert(fragmentReaders)
    .select(
      sql`SELECT ${key.operator}, ${fragments.id}, ${accountId}, ${phone}, ${uid}, ${now.getTime()}, NULL
        FROM ${fragments} WHERE ${keyIs(key)} AND ${mayAsk(key, reader, limit)}`,
    )
    .onConflictDoUpdate({
      target: [fragmentReaders.operator, fragmentReaders.fragmentId, fragmentReaders.accountId],
      set: {
        uid,
        phone,
        toldAt: sql`CASE WHEN (SELECT state FROM fragments WHERE id = ${fragmentReaders.fragmentId}) = 'ready'
          THEN ${fragmentReaders.toldAt} END`,
      },
    });
}

/** The fragment that this person asked for. */
export function requestedFragment(db: Db, key: FragmentKey, accountId: string) {
  return db
    .select({ id: fragments.id, state: fragments.state, toldAt: fragmentReaders.toldAt })
    .from(fragments)
    .innerJoin(fragmentReaders, readerOf(accountId))
    .where(keyIs(key));
}

/** A fragment, for somebody who asked for it. */
export function fragmentOfReader(db: Db, operator: string, id: number, accountId: string) {
  return db
    .select({ fragment: fragments })
    .from(fragments)
    .innerJoin(fragmentReaders, readerOf(accountId))
    .where(byId(operator, id))
    .get();
}

const readerOf = (accountId: string) =>
  and(
    eq(fragmentReaders.operator, fragments.operator),
    eq(fragmentReaders.fragmentId, fragments.id),
    eq(fragmentReaders.accountId, accountId),
  );

export function fragmentById(db: Db, operator: string, id: number) {
  return db.select().from(fragments).where(byId(operator, id));
}

export function uploadOf(db: Db, operator: string, id: number) {
  return db.select({ uploadId: fragments.uploadId }).from(fragments).where(byId(operator, id));
}

/** Takes a fragment that is due, or whose last owner let its time run out. Of many callers one gets the row. */
export function claimFragment(db: Db, operator: string, id: number, at: { dueBy: Date; until: Date }) {
  return db
    .update(fragments)
    .set({ state: "loading", attempts: sql`${fragments.attempts} + 1`, nextAttemptAt: at.until })
    .where(
      and(byId(operator, id), inArray(fragments.state, ["queued", "loading"]), lte(fragments.nextAttemptAt, at.dueBy)),
    )
    .returning();
}

/** Writes what the owner of a claimed fragment has done. No row comes back when it is somebody else's by now. */
export function noteProgress(
  db: Db,
  { operator, id, attempts }: Fragment,
  change: Partial<Pick<Fragment, "uploadId" | "sourceEtag" | "nextAttemptAt">> & { parts?: Part[] },
) {
  return db
    .update(fragments)
    .set(change)
    .where(owned(operator, id, attempts))
    .returning({ id: fragments.id });
}

/** Ends a claimed attempt. */
export function settleFragment(db: Db, { operator, id, attempts }: Fragment, change: Partial<Fragment>) {
  return db
    .update(fragments)
    .set(change)
    .where(owned(operator, id, attempts))
    .returning({ id: fragments.id });
}

const owned = (operator: string, id: number, attempts: number) =>
  and(byId(operator, id), eq(fragments.state, "loading"), eq(fragments.attempts, attempts));

/** Makes due now, and returns, what has waited since `dueBefore`, and what a dead owner left behind. */
export function requeueFragments(db: Db, operator: string, at: { now: Date; dueBefore: Date }, limit: number) {
  const { state, nextAttemptAt } = fragments;
  const some = db
    .select({ id: fragments.id })
    .from(fragments)
    .where(
      and(
        eq(fragments.operator, operator),
        inArray(state, ["queued", "loading"]), // what the index begins with
        lte(nextAttemptAt, at.now),
        or(eq(state, "loading"), lte(nextAttemptAt, at.dueBefore)),
      ),
    )
    .orderBy(asc(nextAttemptAt))
    .limit(limit);
  return db
    .update(fragments)
    .set({ state: "queued", nextAttemptAt: at.now })
    .where(and(eq(fragments.operator, operator), inArray(fragments.id, some)))
    .returning({ id: fragments.id });
}

/** Who is still to be told of a fragment that is ready. */
export function untoldReaders(db: Db, operator: string, fragmentId: number, limit: number) {
  return db
    .select({ accountId: fragmentReaders.accountId, phone: fragmentReaders.phone })
    .from(fragmentReaders)
    .where(
      and(
        eq(fragmentReaders.operator, operator),
        eq(fragmentReaders.fragmentId, fragmentId),
        isNull(fragmentReaders.toldAt),
      ),
    )
    .limit(limit);
}

export function markTold(db: Db, operator: string, fragmentId: number, accountIds: readonly string[], at: Date) {
  const listed = sql`(SELECT value FROM json_each(${JSON.stringify(accountIds)}))`;
  return db
    .update(fragmentReaders)
    .set({ toldAt: at })
    .where(
      and(
        eq(fragmentReaders.operator, operator),
        eq(fragmentReaders.fragmentId, fragmentId),
        sql`${fragmentReaders.accountId} IN ${listed}`,
      ),
    );
}

/** Fragments that have been ready for a while, and somebody does not know. */
export function readyUntold(db: Db, operator: string, before: Date, limit: number) {
  return db
    .selectDistinct({ id: fragments.id })
    .from(fragmentReaders)
    .innerJoin(fragments, eq(fragments.id, fragmentReaders.fragmentId))
    .where(
      and(
        eq(fragmentReaders.operator, operator),
        isNull(fragmentReaders.toldAt),
        eq(fragments.state, "ready"),
        lte(fragments.readyAt, before),
      ),
    )
    .limit(limit);
}

/** What nobody may have any more, apart from what is being loaded at this moment. */
export function expiredFragments(db: Db, operator: string, now: Date, limit: number) {
  return db
    .select({ id: fragments.id, uploadId: fragments.uploadId })
    .from(fragments)
    .where(
      and(
        eq(fragments.operator, operator),
        lte(fragments.expiresAt, now),
        or(notInArray(fragments.state, ["loading"]), lte(fragments.nextAttemptAt, now)),
      ),
    )
    .limit(limit);
}

/** Deletes these, their readers too, unless somebody has just asked for one again. */
export function deleteExpired(db: Db, operator: string, ids: readonly number[], now: Date) {
  const listed = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`;
  return db
    .delete(fragments)
    .where(and(eq(fragments.operator, operator), sql`${fragments.id} IN ${listed}`, lte(fragments.expiresAt, now)))
    .returning({ id: fragments.id });
}
