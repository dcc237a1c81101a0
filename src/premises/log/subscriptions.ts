import { type Env, settings } from "#env.ts";
import { upsertResident } from "#identity/installs/queries.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { phonesOf } from "#operator/billing-people.ts";
import { database, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { localText } from "#platform/time.ts";
import { phonesOfContract } from "../guests/people.ts";
import { reaches } from "../guests/roles.ts";
import { holdingsOf, type Resident } from "../homes.ts";
import { homesBy } from "../queries.ts";
import { isPaidFor } from "../standing.ts";
import {
  deleteSubscription,
  subscribersOf,
  subscriptionsOf,
  switchesOf,
  upsertSubscription,
} from "./subscription-queries.ts";
import type { Event, EventChoice } from "./tables.ts";

/** Which kinds of events of a home somebody wants to be told of. */
export interface Subscription {
  uid: number;
  kinds: EventChoice[];
}

export interface Notifications {
  notify: boolean;
  money: boolean;
  events: Subscription[];
}

interface Change {
  notify?: boolean;
  money?: boolean;
  /** For each home named, all that is wanted of it; nothing takes it off the list. */
  events?: readonly Subscription[] | undefined;
}

/**
 * What a resident wants to be told, after an optional change: one round trip, and one more to check the homes of a change.
 * Throws `not_found` for a home that is not theirs, or whose gates are all they may pass.
 */
export async function notifications(
  env: Env,
  resident: Resident,
  { events = [], ...switches }: Change,
): Promise<Notifications> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  if (events.length > 0) await demandHomes(env, resident, events);
  const changes: Statement[] = events.map(({ uid, kinds }) =>
    kinds.length > 0
      ? upsertSubscription(db, { operator: OPERATOR, accountId: resident.account, uid, kinds: [...new Set(kinds)] })
      : deleteSubscription(db, OPERATOR, resident.account, uid),
  );
  if (Object.keys(switches).length > 0) changes.push(upsertResident(db, OPERATOR, resident.account, switches));
  const reads = [switchesOf(db, OPERATOR, resident.account), subscriptionsOf(db, OPERATOR, resident.account)] as const;
  const [first, ...rest] = [...changes, ...reads];
  const [chosen, subscribed] = (await db.batch([first!, ...rest])).slice(-2) as [
    Pick<Notifications, "notify" | "money">[],
    Subscription[],
  ];
  return { notify: chosen[0]?.notify ?? true, money: chosen[0]?.money ?? true, events: subscribed };
}

async function demandHomes(env: Env, resident: Resident, wanted: readonly Subscription[]): Promise<void> {
  const { homes } = await holdingsOf(env, resident);
  const own = new Set(homes.filter(({ role }) => reaches(role, "inner")).map(({ uid }) => uid));
  if (wanted.some(({ uid }) => !own.has(uid))) throw new AppError("not_found", "You have no such contract");
}

/** What a kind of event is called among the choices, and what the push of it says. */
const KINDS: Record<number, { choice: EventChoice; title: string }> = {
  1: { choice: "guest", title: "Пропущенный вызов" },
  2: { choice: "guest", title: "Вызов в домофон" },
  3: { choice: "key", title: "Открытие ключом" },
  4: { choice: "app", title: "Открытие из приложения" },
  5: { choice: "face", title: "Открытие по лицу" },
  6: { choice: "code", title: "Открытие по коду" },
  7: { choice: "guest", title: "Открытие звонком" },
  9: { choice: "plate", title: "Открытие а/м" },
};

/**
 * Tells those who asked for such events of this home, may read its log, and did not do it themselves; and nobody while the
 * service is not paid for.
 */
export async function tellSubscribers(env: Env, event: Event, now = new Date()): Promise<void> {
  const kind = KINDS[event.kind];
  if (!kind || event.hidden) return;
  const [db, { OPERATOR, TIME_ZONE }] = [database(env), settings(env)];
  const { uid, id, at, title, extra } = event;
  const [subscribers, [home]] = await db.batch([
    subscribersOf(db, OPERATOR, uid, kind.choice),
    homesBy(db, OPERATOR, { uids: [uid] }),
  ]);
  if (subscribers.length === 0 || home?.eventLogOff) return;
  const [readers, isPaid] = await Promise.all([
    home?.eventLogHidden ? phonesOf(env, uid) : phonesOfContract(env, uid, now),
    isPaidFor(env, uid, event.deviceId),
  ]);
  const phones = subscribers
    .map(({ phone }) => phone)
    .filter((phone) => readers.includes(phone) && phone !== extra.phone);
  if (!isPaid || phones.length === 0) return;
  const heading = event.kind === 9 ? `${kind.title} ${String(extra.plate ?? "")}`.trim() : kind.title;
  const data = { eventDate: localText(at, TIME_ZONE).slice(0, 10), eventLogId: id, houseId: String(uid) };
  const batch = `event:${id}`;
  await tellPeople(env, phones, { title: heading, text: title, action: "eventLog", data, batch, isListed: false }, now);
}
