import { and, asc, desc, eq, sql } from "drizzle-orm";
import type { Condition, Db } from "#platform/db.ts";
import { timeUnlessFull } from "./number-queries.ts";
import { type Issue, type IssueComment, issueComments, issues } from "./tables.ts";

/** Who asked: the phone, and the account that it belonged to then. */
export interface Asker {
  phone: string;
  account: string;
}

/** At most `limit` of something since this time. */
export interface DayLimit {
  limit: number;
  since: Date;
}

const isOwn = (operator: string, { phone, account }: Asker) =>
  and(eq(issues.operator, operator), eq(issues.phone, phone), eq(issues.accountId, account));

/** Writes a new issue. Refused as a duplicate while the same is open, and with a null when the day is full. */
export function insertIssue(db: Db, issue: Issue, { limit, since }: DayLimit) {
  const today = sql`SELECT count(*) FROM ${issues} WHERE operator = ${issue.operator} AND phone = ${issue.phone}
    AND status IN ('open', 'done', 'cancelled') AND created_at > ${since.getTime()}`;
  return db.insert(issues).values({ ...issue, createdAt: timeUnlessFull(today, limit, issue.createdAt) });
}

/** The key of an open issue with this content. */
export function openIssueLike(db: Db, operator: string, phone: string, digest: string) {
  return db
    .select({ key: issues.key })
    .from(issues)
    .where(
      and(
        eq(issues.operator, operator),
        eq(issues.phone, phone),
        eq(issues.digest, digest),
        sql`${issues.status} = 'open'`,
      ),
    );
}

/** The asker's open issues, the latest first. */
export function openIssuesOf(db: Db, operator: string, asker: Asker, limit: number) {
  return db
    .select()
    .from(issues)
    .where(and(isOwn(operator, asker), eq(issues.status, "open")))
    .orderBy(desc(issues.createdAt))
    .limit(limit)
    .all();
}

export function ownIssue(db: Db, operator: string, asker: Asker, key: string) {
  return db
    .select()
    .from(issues)
    .where(and(isOwn(operator, asker), eq(issues.key, key)));
}

export type IssueChange = Partial<Pick<Issue, "status" | "delivery">>;

/** Changes an open issue of the asker's. */
export function updateOwnIssue(
  db: Db,
  operator: string,
  asker: Asker,
  key: string,
  change: IssueChange & Pick<Issue, "updatedAt">,
) {
  return db
    .update(issues)
    .set(change)
    .where(and(isOwn(operator, asker), eq(issues.key, key), eq(issues.status, "open")));
}

/** Changes an issue for the operator, whoever asked. */
export function updateIssue(db: Db, operator: string, key: string, change: IssueChange & Pick<Issue, "updatedAt">) {
  return db
    .update(issues)
    .set(change)
    .where(and(eq(issues.operator, operator), eq(issues.key, key)))
    .returning();
}

type NewComment = Omit<IssueComment, "id">;

/**
 * Adds a comment. One that says what the latest said is the same, sent twice. Refused with a null when its writer's day is full,
 * whatever issues they wrote about.
 */
export function insertComment(db: Db, comment: NewComment, { limit, since }: DayLimit) {
  const { operator, issueKey, author, accountId, text, createdAt } = comment;
  const of = sql`operator = ${operator} AND issue_key = ${issueKey}`;
  const today = sql`SELECT count(*) FROM ${issueComments}
    WHERE operator = ${operator} AND account_id = ${accountId} AND created_at > ${since.getTime()}`;
  return db.insert(issueComments).select(
    sql`SELECT NULL, ${operator}, ${issueKey}, ${author}, ${accountId}, ${text}, ${timeUnlessFull(today, limit, createdAt)}
      WHERE ${text} IS NOT (SELECT text FROM ${issueComments} WHERE ${of} ORDER BY id DESC LIMIT 1)`,
  );
}

/** A row of D1 holds two megabytes: the latest comments of whoever writes the most stay far below. */
const COMMENTS_SHOWN = 30;

/** The latest comments on an issue of the outer select, the oldest first. */
export const commentsOfIssue =
  sql`(SELECT json_group_array(json_object('author', c.author, 'text', c.text, 'at', c.created_at) ORDER BY c.id)
  FROM (SELECT id, author, text, created_at FROM issue_comments
    WHERE operator = issues.operator AND issue_key = issues.key ORDER BY id DESC LIMIT ${sql.raw(String(COMMENTS_SHOWN))}) AS c)`.mapWith(
    (json) => JSON.parse(json) as { author: IssueComment["author"]; text: string; at: number }[],
  );

/** All that an account has asked for and said about it. */
export function deleteIssuesOf(db: Db, operator: string, accountId: string, onlyIf?: Condition) {
  const own = sql`SELECT key FROM ${issues} WHERE operator = ${operator} AND account_id = ${accountId}`;
  return [
    db
      .delete(issueComments)
      .where(and(eq(issueComments.operator, operator), sql`${issueComments.issueKey} IN (${own})`, onlyIf)),
    db.delete(issues).where(and(eq(issues.operator, operator), eq(issues.accountId, accountId), onlyIf)),
  ] as const;
}

/** Issues, with what was said about them, that nobody has touched since: some of them. */
export function deleteIssuesBefore(db: Db, operator: string, time: Date, limit: number) {
  const some = sql`SELECT key FROM ${issues} WHERE operator = ${operator} AND updated_at <= ${time.getTime()}
    ORDER BY updated_at LIMIT ${limit}`;
  return [
    db
      .delete(issueComments)
      .where(and(eq(issueComments.operator, operator), sql`${issueComments.issueKey} IN (${some})`)),
    db.delete(issues).where(and(eq(issues.operator, operator), sql`${issues.key} IN (${some})`)),
  ] as const;
}

/** Issues in a state, the oldest first, beginning behind the one with the key `after`. With what was said about each. */
export function issuesIn(
  db: Db,
  operator: string,
  { status, after, limit }: { status: Issue["status"]; after?: string | undefined; limit: number },
) {
  const behind = sql`(${issues.createdAt}, ${issues.key}) > (SELECT created_at, key FROM ${issues} AS last
    WHERE last.operator = ${operator} AND last.key = ${after ?? ""})`;
  return db
    .select({ issue: issues, comments: commentsOfIssue })
    .from(issues)
    .where(and(eq(issues.operator, operator), eq(issues.status, status), after === undefined ? undefined : behind))
    .orderBy(asc(issues.createdAt), asc(issues.key))
    .limit(limit)
    .all();
}
