// A sync session as a state machine: what is shown when, and who may join. Pure, so that the object around it holds nothing but the clock,
// the storage and the socket. What an app that has scanned a code does is in scan-rules.ts. Times are milliseconds since 1970.

import { CLOCKS_APART_MS, FIRST_USE_MS, mintedAt } from "./session-ids.ts";

/** How a session runs; it keeps for its life what it began with. */
export interface Rhythm {
  /** How many codes are shown. */
  changes: number;
  /** How long each of them is shown, and how long a lost connection may be taken up again. */
  sleepMs: number;
  /** How long the password may take, once a code was scanned. */
  pauseMs: number;
}

export interface Session {
  rhythm: Rhythm;
  status: "run" | "paused" | "ended";
  /** The id that it was made with, by which its socket may come back all its life. */
  first: string;
  /** The id that is shown. */
  current: string;
  /** The one before, for an app that was just scanning. */
  previous?: { id: string; until: number };
  /** How many ids had their turn, the current one included. */
  shown: number;
  /** When the code's time is over, or that of the pause. */
  nextAt: number;
  /** Since when nobody is connected, and until when somebody may be again; absent while somebody is. */
  away?: { since: number; until: number };
  /** The id by which an app has paused it. */
  scanned?: string;
  /** PEM of that app, once it may be relied on. */
  publicPem?: string;
  /** Passwords that are being looked at or were wrong, and those that were wrong. */
  tries: number;
  failures: number;
  settled?: Settled;
  /** The app has its key: only the same request may come again. */
  isUsed?: boolean;
}

/** What the right password has brought, for a repetition of the request. */
export interface Settled {
  requestHash: string;
  /** The shared key, sealed. */
  sealed: string;
  until: number;
}

export type Closing = { close: 1000 | 1008; reason?: string };
export type Effect = { show: string } | { say: "201- pause" | "200- ack" } | Closing;

export interface Step {
  session: Session;
  /** What the socket gets, in order. */
  effects: Effect[];
}

/** What a rule cannot know by itself. */
export interface Moment {
  now: number;
  /** Whether a socket is open. */
  isHere: boolean;
  /** Since when we are up. Before that nobody could come back. */
  upSince: number;
  /** An id that nobody has seen. */
  freshId: string;
}

export interface Refusal {
  refused: { code: 1000 | 1008; reason: string };
}

/** A scan is slower than a change of codes: the old one counts for a moment. */
export const GRACE_MS = 1_500;

/** A restart closes sockets without a word, and may take so long. */
const RESTART_MS = 60_000;

export const still = (session: Session): Step => ({ session, effects: [] });

/** A session that waits for its socket. */
export const begin = (first: string, rhythm: Rhythm, now: number): Session => ({
  ...{ rhythm, status: "run", first, current: first, shown: 1, tries: 0, failures: 0 },
  nextAt: now + rhythm.sleepMs,
  away: { since: now, until: mintedAt(first) + FIRST_USE_MS },
});

/** What has become of the session by now. Goes before whatever else happens, because an alarm may be late. */
export function advance(before: Session, moment: Moment): Step {
  const session = noticeLoss(before, moment);
  switch (session.status) {
    case "ended":
      return still(session);
    case "paused":
      return moment.now < session.nextAt ? still(session) : end(session, { close: 1000 });
    case "run":
      if (session.away)
        return moment.now < endOfWaiting(session, moment) ? still(session) : end(session, { close: 1000 });
      return moment.now < session.nextAt ? still(session) : change(session, moment);
  }
}

/** Somebody opens the websocket, for the first time or again. */
export function connect(session: Session, id: string, moment: Moment): Step | Refusal {
  const known = [session.first, session.current, session.scanned, previousOf(session, moment.now)];
  if (session.status === "ended" || !known.includes(id)) return UNKNOWN;
  if (moment.isHere) return { refused: { code: 1000, reason: "already connected" } };
  if (moment.now >= backUntil(session, moment)) return UNKNOWN;
  const { away: _, ...here } = session;
  if (session.status === "paused") return { session: here, effects: [{ say: "201- pause" }] };
  if (moment.now < session.nextAt) return { session: here, effects: [{ show: session.current }] };
  return session.shown < session.rhythm.changes ? change(here, moment) : UNKNOWN;
}

/** The socket is gone. */
export function lose(session: Session, now: number): Session {
  if (session.status === "ended" || session.away) return session;
  return { ...session, away: { since: now, until: now + session.rhythm.sleepMs } };
}

/** When to look again. An ended session is remembered for as long as its first id could begin it anew, and then forgotten. */
export function wakeAt(session: Session, up: Pick<Moment, "upSince">): number {
  if (session.status === "ended")
    return Math.max(mintedAt(session.first) + FIRST_USE_MS + CLOCKS_APART_MS, session.settled?.until ?? 0);
  return session.status === "run" && session.away ? endOfWaiting(session, up) : session.nextAt;
}

/** Nothing of it need be remembered any more. */
export const isOver = (session: Session, moment: Moment): boolean =>
  session.status === "ended" && moment.now >= wakeAt(session, moment);

export function end(session: Session, closing: Closing): Step {
  const { previous: _, ...rest } = session;
  return { session: { ...rest, status: "ended" }, effects: [closing] };
}

/** The id before the current one, as long as it counts. */
export const previousOf = ({ previous }: Session, now: number): string | undefined =>
  previous && now < previous.until ? previous.id : undefined;

const UNKNOWN: Refusal = { refused: { code: 1008, reason: "unknown session" } };

/** The next id has its turn, and ends when it was planned to; if that is past too, it has its full time from now on. */
function change(session: Session, { now, freshId }: Moment): Step {
  const { rhythm, current, shown } = session;
  if (shown >= rhythm.changes) return end(session, { close: 1000 });
  const planned = session.nextAt + rhythm.sleepMs;
  const next: Session = {
    ...session,
    current: freshId,
    previous: { id: current, until: now + GRACE_MS },
    shown: shown + 1,
    nextAt: planned > now ? planned : now + rhythm.sleepMs,
  };
  return { session: next, effects: [{ show: freshId }] };
}

// Had we been there when the code's time was over, the alarm would have noticed: so the socket was lost at that time at the latest, and
// whoever held it could not come back before we did.
function noticeLoss(session: Session, { now, isHere }: Moment): Session {
  return isHere ? session : lose(session, Math.min(now, session.nextAt + RESTART_MS));
}

// A client that was lost shortly before a restart, or by it, has its full time once we are up again.
function backUntil({ away, rhythm }: Session, { upSince }: Pick<Moment, "upSince">): number {
  if (!away) return 0;
  return Math.max(away.until, Math.min(upSince, away.since + RESTART_MS) + rhythm.sleepMs);
}

// An app may have scanned the code whose page is gone.
const endOfWaiting = (session: Session, up: Pick<Moment, "upSince">): number =>
  Math.max(backUntil(session, up), mintedAt(session.first) + FIRST_USE_MS);
