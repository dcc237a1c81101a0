import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { dropFiles } from "#platform/files.ts";
import { appealsBefore, deleteAppeals } from "./appeal-queries.ts";
import { deleteIssuesBefore } from "./issue-queries.ts";

const DAY_MS = 86_400_000;
const ROWS_OF_A_ROUND = 200;

/**
 * Each minute a slice of what nobody has touched for DESK_DAYS goes: issues with what was said about them, complaints with their
 * pictures. Pictures first: a row without its picture is found again, a picture without its row is not.
 */
export async function forgetOldDesk(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR, DESK_DAYS }] = [database(env), settings(env)];
  const time = new Date(now.getTime() - DESK_DAYS * DAY_MS);
  await db.batch([...deleteIssuesBefore(db, OPERATOR, time, ROWS_OF_A_ROUND)]);
  const old = await appealsBefore(db, OPERATOR, time, ROWS_OF_A_ROUND);
  if (old.length === 0) return;
  const pictures = old.flatMap(({ picture, steps }) => [picture, ...steps.map((step) => step.picture)]);
  await dropFiles(
    env,
    pictures.filter((key) => key !== null),
  );
  const ids = old.map(({ id }) => id);
  await db.batch([...deleteAppeals(db, OPERATOR, ids)]);
}
