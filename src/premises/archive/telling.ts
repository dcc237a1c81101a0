import { type Env, settings } from "#env.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { database } from "#platform/db.ts";
import { localText } from "#platform/time.ts";
import { linkTo } from "./fragments.ts";
import { fragmentById, markTold, untoldReaders } from "./queries.ts";
import type { Fragment } from "./tables.ts";

/** Tells everybody who waits for a fragment that is ready; somebody whom it was told once is not told again. */
export async function tellReaders(env: Env, id: number, now: Date): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [[fragment], readers] = await db.batch([fragmentById(db, OPERATOR, id), untoldReaders(db, OPERATOR, id)]);
  if (fragment?.state !== "ready" || readers.length === 0 || fragment.expiresAt <= now) return;
  const phones = readers.map(({ phone }) => phone);
  await tellPeople(env, phones, messageOf(env, fragment, now), now);
  const accounts = readers.map(({ accountId }) => accountId);
  await markTold(db, OPERATOR, id, accounts, now);
}

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
