// What an app does with a session after it has scanned a code: the handshake, its password, its key. Pure, as session-rules.ts is; the
// session is to be advanced to the moment first. Undefined is a refusal, and changes nothing.

import { end, type Moment, previousOf, type Session, type Step, still } from "./session-rules.ts";

/** So many wrong passwords end a session. */
export const MOST_FAILURES = 5;

/** How long the same request is answered the same again. */
const REPEAT_MS = 30_000;

/** What is written between the right password and the acknowledgement may take so long. */
const WRITING_MS = 10_000;

/** A password that an app has sent. */
export interface Attempt {
  /** SHA-256 of the request. */
  requestHash: string;
  /** PEM that came with it; the key counts only when the password is right. Absent where the handshake brought it. */
  publicPem?: string;
}

/** An app comes with its key. The same once more is answered the same; another key is refused. */
export function shakeHands(session: Session, id: string, publicPem: string, moment: Moment): Step | undefined {
  const step = pause(session, id, publicPem, moment);
  return step && { ...step, session: { ...step.session, publicPem } };
}

/** Whether a password may be looked at. It is counted before it is, so that many at once are no more than were allowed. */
export function admit(session: Session, id: string, attempt: Attempt, moment: Moment): Step | undefined {
  if (isRepeated(session, id, attempt.requestHash, moment.now)) return still(session);
  const step = attempt.publicPem === undefined ? still(session) : pause(session, id, attempt.publicPem, moment);
  if (!step || !isScanned(step.session, id) || step.session.tries >= MOST_FAILURES) return undefined;
  if (attempt.publicPem === undefined && step.session.publicPem === undefined) return undefined;
  return { ...step, session: { ...step.session, tries: step.session.tries + 1 } };
}

/** The password was wrong. */
export function fail(session: Session, id: string): Step {
  if (!isScanned(session, id)) return still(session);
  const failures = session.failures + 1;
  const failed = { ...session, failures };
  return failures < MOST_FAILURES ? still(failed) : end(failed, { close: 1008, reason: "too many wrong passwords" });
}

/** Nobody could say whether the password was right. */
export function giveBack(session: Session, id: string): Step {
  return still(isScanned(session, id) ? { ...session, tries: Math.max(session.failures, session.tries - 1) } : session);
}

/**
 * The password was right: the key that the user gets from this session. It is `sealed`, or the one that was there before, so that requests
 * which cross each other end with one key. `isRepeated` where all of it has been done already.
 */
export function settle(
  session: Session,
  id: string,
  { requestHash, publicPem, sealed }: Required<Attempt> & { sealed: string },
  { now }: Pick<Moment, "now">,
): (Step & { sealed: string; isRepeated: boolean }) | undefined {
  const kept = session.settled?.sealed ?? sealed;
  if (isRepeated(session, id, requestHash, now)) return { ...still(session), sealed: kept, isRepeated: true };
  if (!isScanned(session, id)) return undefined;
  if (session.publicPem !== undefined && session.publicPem !== publicPem) return undefined;
  const settled = { requestHash, sealed: kept, until: now + REPEAT_MS };
  const next = { ...session, publicPem, settled, nextAt: Math.max(session.nextAt, now + WRITING_MS) };
  return { ...still(next), sealed: kept, isRepeated: false };
}

/** The key is written: the session is used up. */
export function acknowledge(session: Session, id: string, { now }: Pick<Moment, "now">): Step {
  if (!isScanned(session, id) || !session.settled) return still(session);
  const settled = { ...session.settled, until: now + REPEAT_MS };
  const { session: ended } = end({ ...session, settled, isUsed: true }, { close: 1000 });
  return { session: ended, effects: [{ say: "200- ack" }, { close: 1000 }] };
}

const isScanned = ({ status, scanned }: Session, id: string): boolean => status === "paused" && scanned === id;

const isRepeated = ({ isUsed, scanned, settled }: Session, id: string, requestHash: string, now: number): boolean =>
  Boolean(isUsed) && scanned === id && settled?.requestHash === requestHash && now < settled.until;

/** Stops the codes at the one that was scanned, or finds that it was done before. The key is not kept. */
function pause(session: Session, id: string, publicPem: string, { now }: Moment): Step | undefined {
  if (isScanned(session, id))
    return session.publicPem === undefined || session.publicPem === publicPem ? still(session) : undefined;
  if (session.status !== "run" || (id !== session.current && id !== previousOf(session, now))) return undefined;
  const { previous: _, ...rest } = session;
  return {
    session: { ...rest, status: "paused", scanned: id, nextAt: now + session.rhythm.pauseMs },
    effects: [{ say: "201- pause" }],
  };
}
