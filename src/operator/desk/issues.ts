import { type Env, settings } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { database, isDuplicate, isNullRefused, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import {
  type Asker,
  type IssueChange,
  insertComment,
  insertIssue,
  issuesIn,
  openIssueLike,
  openIssuesOf,
  ownIssue,
  updateIssue,
  updateOwnIssue,
} from "./issue-queries.ts";
import { takeDeskNumber } from "./number-queries.ts";
import type { Issue } from "./tables.ts";

// What residents ask the operator for, and what becomes of it.

const DAY_MS = 86_400_000;
/** How many the app shows at most, and a page of the operator's list. */
const SHOWN = 50;
const PAGE = 100;

export interface IssueRequest extends Pick<Issue, "uid" | "kind" | "summary" | "description" | "address" | "delivery"> {
  /** What the app sent beside, for the operator's systems. */
  fields: Record<string, unknown>;
  /** What of it makes two presses one: all but times of pressing. */
  sameness: unknown;
}

/**
 * Opens an issue and answers its key; the same content of the same person gives the same key while it is open. What `along`
 * returns is committed with it. Throws `too_many` above LIMITS.issuesPerDay.
 */
export async function openIssue(
  env: Env,
  { phone, account }: Asker,
  { sameness, ...request }: IssueRequest,
  along: (issue: Issue) => Promise<Statement[]> = async () => [],
  now = new Date(),
): Promise<{ key: string; isNew: boolean }> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const digest = sha256(JSON.stringify([account, request.kind, sameness]));
  const known = () => openIssueLike(db, operator, phone, digest);
  const [[same], [number]] = await db.batch([known(), takeDeskNumber(db, operator, "issue")]);
  if (same) return { key: same.key, isNew: false };
  const who = { operator, phone, accountId: account, digest };
  const issue: Issue = {
    ...request,
    ...who,
    key: `REM-${number!.last}`,
    status: "open",
    createdAt: now,
    updatedAt: now,
  };
  try {
    await db.batch([insertIssue(db, issue, dayLimit(env, "issuesPerDay", now)), ...(await along(issue))]);
    return { key: issue.key, isNew: true };
  } catch (cause) {
    if (!isDuplicate(cause)) throw isNullRefused(cause) ? full(cause) : cause;
    // The other press of the two was faster.
    const [winner] = await known();
    if (!winner) throw cause;
    return { key: winner.key, isNew: false };
  }
}

/** The person's open issues, the latest first. */
export function listOpenIssues(env: Env, asker: Asker): Promise<Issue[]> {
  return openIssuesOf(database(env), settings(env).OPERATOR, asker, SHOWN);
}

/** Closes or changes an open issue of the person's; one that is closed stays as it is. A foreign one is `not_found`. */
export async function changeOwnIssue(
  env: Env,
  asker: Asker,
  key: string,
  change: IssueChange,
  now = new Date(),
): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [[own]] = await db.batch([
    ownIssue(db, OPERATOR, asker, key),
    updateOwnIssue(db, OPERATOR, asker, key, { ...change, updatedAt: now }),
  ]);
  if (!own) throw notFound();
}

/** Adds the person's words to their issue. A foreign one is `not_found`; `too_many` above LIMITS.issueCommentsPerDay. */
export async function commentOwnIssue(
  env: Env,
  asker: Asker,
  key: string,
  text: string,
  now = new Date(),
): Promise<void> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const [own] = await ownIssue(db, operator, asker, key);
  if (!own) throw notFound();
  const who = { author: "resident" as const, accountId: asker.account };
  const comment = { operator, issueKey: key, ...who, text, createdAt: now };
  await insertComment(db, comment, dayLimit(env, "issueCommentsPerDay", now)).catch((cause: unknown) => {
    throw isNullRefused(cause) ? full(cause) : cause;
  });
}

/** A page of the operator's list, the oldest first. */
export function listIssues(env: Env, { status, after }: { status: Issue["status"]; after?: string | undefined }) {
  return issuesIn(database(env), settings(env).OPERATOR, { status, after, limit: PAGE });
}

/** What the operator did with an issue; it is answered as it is then. Throws `not_found`, and `conflict` when the same is open. */
export async function workOnIssue(
  env: Env,
  key: string,
  { comment, ...change }: IssueChange & { comment?: string | undefined },
  now = new Date(),
): Promise<Issue> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const [issue] = await updateIssue(db, operator, key, { ...change, updatedAt: now }).catch((cause: unknown) => {
    throw isDuplicate(cause) ? new AppError("conflict", "The same is open already", { cause }) : cause;
  });
  if (!issue) throw notFound();
  if (comment) {
    const row = {
      operator,
      issueKey: key,
      author: "operator" as const,
      accountId: null,
      text: comment,
      createdAt: now,
    };
    await insertComment(db, row, { limit: Number.MAX_SAFE_INTEGER, since: now });
  }
  return issue;
}

function dayLimit(env: Env, name: "issuesPerDay" | "issueCommentsPerDay", now: Date) {
  return { limit: settings(env).LIMITS[name], since: new Date(now.getTime() - DAY_MS) };
}

const notFound = () => new AppError("not_found", "You have no such issue");
const full = (cause: unknown) => new AppError("too_many", "Too many for one day", { retryAfter: 3600, cause });
