import { type Env, settings } from "#env.ts";
import { type Condition, database } from "#platform/db.ts";
import { dropFiles } from "#platform/files.ts";
import { faceKey } from "./faces/faces.ts";
import { dropFace, facesMarkedBy } from "./faces/queries.ts";
import { giveUpPassportsOf } from "./guests/passport-queries.ts";
import { deletedSince, deleteWishes, theseAccounts } from "./leaver-queries.ts";

/** A lost signal is made good for as long. */
const LATELY_MS = 3_600_000;
/** The next minute goes on where this one stopped. */
const FACES_AT_ONCE = 20;

/** Forgets what premises keep about people who were deleted, the faces that they marked among it. What belongs to their home stays the home's. */
export const forgetPeople = (env: Env, operator: string, accounts: readonly string[], now = new Date()) =>
  forget(env, operator, theseAccounts(accounts), now);

/** The same each minute, for whoever left lately. */
export async function forgetLeavers(env: Env, now = new Date()): Promise<void> {
  const { OPERATOR } = settings(env);
  await forget(env, OPERATOR, deletedSince(OPERATOR, new Date(now.getTime() - LATELY_MS)), now);
}

async function forget(env: Env, operator: string, accounts: Condition, now: Date): Promise<void> {
  const db = database(env);
  const faces = await facesMarkedBy(db, operator, accounts, FACES_AT_ONCE);
  await db.batch([
    ...deleteWishes(db, operator, accounts),
    giveUpPassportsOf(db, operator, { accounts }),
    ...faces.flatMap((face) => [...dropFace(db, face, now)]),
  ]);
  if (faces.length > 0)
    await dropFiles(
      env,
      faces.map(({ uid, id }) => faceKey(uid, id)),
    );
}
