import { type Env, settings } from "#env.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { localText } from "#platform/time.ts";
import { cameraFor } from "../cameras.ts";
import { linkTo } from "./fragments.ts";
import { fragmentById, markTold, untoldReaders } from "./queries.ts";
import type { Fragment, FragmentReader } from "./tables.ts";

/** The sweep finds the others. */
const READERS_AT_ONCE = 50;

/**
 * Tells everybody who waits for a fragment that is ready; somebody whom it was told once is not told again. The link opens the file
 * to whoever has it, so nobody gets one whose camera it is not any more, or who does not pay for it. Throws `unavailable` when a
 * billing does not say so of somebody; the others have been told then.
 */
export async function tellReaders(env: Env, id: number, now: Date): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [[fragment], readers] = await db.batch([
    fragmentById(db, OPERATOR, id),
    untoldReaders(db, OPERATOR, id, READERS_AT_ONCE),
  ]);
  if (fragment?.state !== "ready" || readers.length === 0 || fragment.expiresAt <= now) return;
  const answers = await Promise.all(readers.map((reader) => maySee(env, reader, fragment.deviceId, now)));
  const phones = readers.flatMap(({ phone }, i) => (answers[i] === "yes" ? phone : []));
  if (phones.length > 0) await tellPeople(env, phones, messageOf(env, fragment, now), now);
  const accounts = readers.flatMap(({ accountId }, i) => (answers[i] === "unknown" ? [] : accountId));
  await markTold(db, OPERATOR, id, accounts, now);
  if (accounts.length < readers.length) throw new AppError("unavailable", "Whose camera it is, nobody says now");
}

type Reader = Pick<FragmentReader, "accountId" | "phone">;

async function maySee(
  env: Env,
  { accountId: account, phone }: Reader,
  cameraId: number,
  now: Date,
): Promise<"yes" | "no" | "unknown"> {
  try {
    await cameraFor(env, { account, phone, ...NOT_WATCHING }, cameraId, now);
    return "yes";
  } catch (error) {
    if (error instanceof AppError && error.code !== "unavailable") return "no";
    logError(`reader of the archive of ${cameraId}`, error);
    return "unknown";
  }
}

/** A resident who gets no camera token: those are by session, and by the account's number. */
const NOT_WATCHING = { n: 0, id: "" };

function messageOf(env: Env, fragment: Fragment, now: Date) {
  const { TIME_ZONE, LINK_HOURS } = settings(env);
  const [from, to] = [fragment.from, fragment.to].map((at) => localText(new Date(at * 1000), TIME_ZONE));
  return {
    title: "Видео готово",
    text: `${fragment.title}, с ${from} по ${to}: фрагмент архива можно скачать`,
    action: "videoReady",
    link: linkTo(env, fragment, LINK_HOURS * 3600, now),
    // With it a repetition, after a crash between the telling and its note, adds nothing.
    batch: `fragment ${fragment.id} ${fragment.readyAt?.getTime()}`,
  } as const;
}
