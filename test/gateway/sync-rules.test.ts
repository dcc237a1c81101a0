import fc from "fast-check";
import { expect, test } from "vitest";
import { acknowledge, admit, fail, giveBack, MOST_FAILURES, settle, shakeHands } from "#gateway/sync/scan-rules.ts";
import {
  advance,
  begin,
  connect,
  type Effect,
  GRACE_MS,
  isOver,
  lose,
  type Session,
  type Step,
  wakeAt,
} from "#gateway/sync/session-rules.ts";

const START = 1_800_000_000_000; // a whole second, because an id says seconds
const id = (last: number) => `${(START / 1000).toString(16)}aaaa4aaa8${String(last).padStart(15, "0")}`;
const FIRST = id(0);
const rhythm = { changes: 3, sleepMs: 15_000, pauseMs: 300_000 };
const at = (seconds: number) => START + seconds * 1000;

/** A session with a clock of its own: what happens to it, and what its socket gets. */
function aSession(over = {}) {
  let session: Session = begin(FIRST, { ...rhythm, ...over }, START);
  let isHere = false;
  let ids = 0;
  const got: (string | number)[] = [];
  let upSince = at(-3600);
  const moment = (seconds: number) => ({ now: at(seconds), isHere, upSince, freshId: id(++ids) });
  const apply = (step: Step) => {
    session = step.session;
    if (isHere) for (const effect of step.effects) got.push(told(effect));
    if (step.effects.some((effect) => "close" in effect)) isHere = false;
  };
  const advanced = (seconds: number) => apply(advance(session, moment(seconds)));
  const after = (step: Step | undefined) => {
    if (step) apply(step);
    return step !== undefined;
  };
  return {
    got,
    get session() {
      return session;
    },
    tick: advanced,
    join(seconds: number, named = FIRST) {
      advanced(seconds);
      const outcome = connect(session, named, moment(seconds));
      if ("refused" in outcome) return outcome.refused.code;
      isHere = true;
      apply(outcome);
      return "welcome";
    },
    leave(seconds: number) {
      isHere = false;
      session = lose(session, at(seconds));
    },
    vanish() {
      isHere = false;
    },
    start(seconds: number) {
      upSince = at(seconds);
    },
    get wakeAt() {
      return wakeAt(session, { upSince });
    },
    isOver: (seconds: number) => isOver(session, moment(seconds)),
    shake(seconds: number, named: string, pem = "key") {
      advanced(seconds);
      return after(shakeHands(session, named, pem, moment(seconds)));
    },
    admit(seconds: number, named: string, requestHash = "request", publicPem?: string) {
      advanced(seconds);
      const attempt = { requestHash, ...(publicPem !== undefined && { publicPem }) };
      return after(admit(session, named, attempt, moment(seconds)));
    },
    fail: (named: string) => apply(fail(session, named)),
    giveBack: (named: string) => apply(giveBack(session, named)),
    settle(seconds: number, named: string, sealed: string, requestHash = "request", publicPem = "key") {
      advanced(seconds);
      const settled = settle(session, named, { requestHash, publicPem, sealed }, moment(seconds));
      if (settled) apply(settled);
      return settled && { sealed: settled.sealed, isRepeated: settled.isRepeated };
    },
    acknowledge: (seconds: number, named: string) => apply(acknowledge(session, named, moment(seconds))),
  };
}

const told = (effect: Effect): string | number =>
  "show" in effect ? effect.show.slice(-2) : "say" in effect ? effect.say : effect.close;

/** One that has shown its first code, and was paused by it. */
function aPaused() {
  const session = aSession();
  session.join(0);
  session.shake(7, FIRST);
  return session;
}

test("codes change at 0, 15 and 30 seconds, and 45 is the end, however late the alarm is", () => {
  const session = aSession();
  session.join(0);
  for (const seconds of [14.9, 15.4, 29.9, 30.3, 44.9]) session.tick(seconds);
  expect(session.got).toHaveLength(3);
  expect(new Set(session.got).size).toBe(3);
  session.tick(45);
  expect(session.got.at(-1)).toBe(1000);
  expect(session.join(46)).toBe(1008);
});

test("an alarm that is more than a code's time late gives the next one its full time", () => {
  const session = aSession();
  session.join(0);
  session.tick(40);
  expect(session.wakeAt).toBe(at(55));
});

test("the shown id counts, the one before for a moment, and no older one", () => {
  const shake = (seconds: number, named: "first" | "second") => {
    const session = aSession();
    session.join(0);
    session.tick(15);
    const second = session.session.current;
    session.tick(Math.min(seconds, 30));
    return session.shake(seconds, { first: FIRST, second }[named]);
  };
  expect(shake(16, "second")).toBe(true);
  expect(shake(15 + GRACE_MS / 1000 - 0.1, "first")).toBe(true);
  expect(shake(15 + GRACE_MS / 1000, "first")).toBe(false);
  expect(shake(30.5, "second")).toBe(true);
  expect(shake(30.5, "first")).toBe(false);
});

test("a handshake that comes before the alarm that is due is one on the old code", () => {
  const session = aSession();
  session.join(0);
  expect(session.shake(15.2, FIRST)).toBe(true);
  expect(session.got).toHaveLength(3);
  expect(session.got.at(-1)).toBe("201- pause");
});

test("Hole 7: a scan stops the codes, and the pause has one end", () => {
  const session = aPaused();
  for (const seconds of [15, 30, 45, 306.9]) session.tick(seconds);
  expect(session.got).toEqual(["00", "201- pause"]);
  session.tick(307);
  expect(session.got).toEqual(["00", "201- pause", 1000]);
  expect(session.admit(308, FIRST)).toBe(false);
});

test("the same handshake again is answered, without a second pause; another key is not", () => {
  const session = aPaused();
  expect(session.shake(10, FIRST)).toBe(true);
  expect(session.shake(11, FIRST, "another key")).toBe(false);
  expect(session.session.publicPem).toBe("key");
  expect(session.got).toEqual(["00", "201- pause"]);
  expect(session.wakeAt).toBe(at(307));
});

test("Hole 3: a second client is refused and the first goes on", () => {
  const session = aSession();
  session.join(0);
  expect(session.join(1)).toBe(1000);
  session.tick(15);
  expect(session.got).toHaveLength(2);
});

test.each([
  ["within a code's time, with the code that it has", 5, 12, FIRST, ["00", "00"]],
  ["when the next code's time has come, with that", 5, 19, FIRST, ["00", "new"]],
  ["not after a code's time", 5, 20, FIRST, ["00"]],
  ["not with an id that was never its own", 5, 6, id(999), ["00"]],
])("a lost connection is taken up again %s", (_name, lost, back, named, got) => {
  const session = aSession();
  session.join(0);
  session.leave(lost);
  const outcome = session.join(back, named);
  expect(outcome).toBe(got.length > 1 ? "welcome" : 1008);
  expect(session.got.map((each) => (each === "00" ? each : "new"))).toEqual(got);
});

test("the schedule goes on after a reconnection", () => {
  const session = aSession();
  session.join(0);
  session.leave(5);
  session.join(12);
  expect(session.wakeAt).toBe(at(15));
  session.leave(14);
  session.join(17);
  expect(session.session.shown).toBe(2);
  expect(session.wakeAt).toBe(at(30));
});

test("whoever has the current id may come back with that, but not with one in between", () => {
  const session = aSession();
  session.join(0);
  session.tick(15);
  const second = session.session.current;
  session.tick(30);
  session.leave(32);
  expect(session.join(33, second)).toBe(1008);
  expect(session.join(34, session.session.current)).toBe("welcome");
});

test("who comes back to a paused session is told so", () => {
  const session = aPaused();
  session.leave(10);
  expect(session.join(12)).toBe("welcome");
  expect(session.got).toEqual(["00", "201- pause", "201- pause"]);
});

test.each([8, 40, 70])("a socket that a restart took without a word may come back %i seconds later", (seconds) => {
  const session = aSession();
  session.join(0);
  session.vanish();
  expect(session.join(seconds)).toBe("welcome");
  expect(session.session.shown).toBe(seconds < 15 ? 1 : 2);
});

test("a loss that is heard of just before a restart has its full time after it", () => {
  const session = aSession();
  session.join(0);
  session.leave(5);
  session.start(27);
  expect(session.join(41)).toBe("welcome");
  session.leave(50);
  expect(session.join(66)).toBe(1008);
});

test("however often we start again, a lost client does not stay welcome for more than a minute and its time", () => {
  const session = aSession({ sleepMs: 60_000 });
  session.join(0);
  session.leave(30);
  for (const seconds of [89, 140]) {
    session.start(seconds);
    session.tick(seconds);
  }
  session.start(150);
  expect(session.join(150)).toBe(1008);
});

test("a restart that takes minutes is the end", () => {
  const session = aSession();
  session.join(0);
  session.vanish();
  expect(session.join(15 + 60 + 15)).toBe(1008);
});

test("a code may be used although its page is gone, until the first id's time is over", () => {
  const until = (seconds: number) => {
    const session = aSession();
    session.join(0);
    session.leave(5);
    session.tick(20);
    return session.shake(seconds, FIRST);
  };
  expect(until(119)).toBe(true);
  expect(until(120)).toBe(false);
});

test("a handshake may come before any socket, and the socket is told of the pause", () => {
  const session = aSession();
  expect(session.shake(1, FIRST)).toBe(true);
  expect(session.join(2)).toBe("welcome");
  expect(session.got).toEqual(["201- pause"]);
});

test("five wrong passwords end it, and not one that nobody could look at", () => {
  const session = aPaused();
  session.admit(8, FIRST);
  session.giveBack(FIRST);
  for (let i = 1; i < MOST_FAILURES; i++) {
    expect(session.admit(8 + i, FIRST)).toBe(true);
    session.fail(FIRST);
  }
  expect(session.got).toEqual(["00", "201- pause"]);
  session.admit(20, FIRST);
  session.fail(FIRST);
  expect(session.got.at(-1)).toBe(1008);
  expect(session.admit(21, FIRST)).toBe(false);
});

test("many passwords at once are no more than were allowed", () => {
  const session = aPaused();
  const admitted = Array.from({ length: 20 }, () => session.admit(8, FIRST));
  expect(admitted.filter(Boolean)).toHaveLength(MOST_FAILURES);
});

test("no password is looked at without a handshake or a key, nor for another id", () => {
  const session = aSession();
  session.join(0);
  expect(session.admit(1, FIRST)).toBe(false);
  session.shake(2, FIRST);
  expect(session.admit(3, id(999))).toBe(false);
  expect(session.admit(3, FIRST, "request", "another key")).toBe(false);
  expect(session.admit(3, FIRST, "request", "key")).toBe(true);
});

test("in one step the key counts only when the password is right", () => {
  const session = aSession();
  session.join(0);
  expect(session.admit(1, FIRST, "wrong", "mine")).toBe(true);
  expect(session.got).toEqual(["00", "201- pause"]);
  session.fail(FIRST);
  expect(session.session.publicPem).toBeUndefined();
  expect(session.admit(2, FIRST, "right", "mine")).toBe(true);
  expect(session.settle(3, FIRST, "sealed", "right", "mine")).toEqual({ sealed: "sealed", isRepeated: false });
  expect(session.session.publicPem).toBe("mine");
  expect(session.got).toEqual(["00", "201- pause"]);
});

test("the right password ends it with an acknowledgement", () => {
  const session = aPaused();
  session.admit(8, FIRST);
  session.settle(9, FIRST, "sealed");
  session.acknowledge(9, FIRST);
  expect(session.got).toEqual(["00", "201- pause", "200- ack", 1000]);
  expect(session.session.status).toBe("ended");
});

test("Hole 10: the same request within 30 seconds gets the same key; another, or later, gets none", () => {
  const session = aPaused();
  session.admit(8, FIRST);
  session.settle(9, FIRST, "one");
  session.acknowledge(9, FIRST);
  expect(session.admit(20, FIRST)).toBe(true);
  expect(session.settle(20, FIRST, "two")).toEqual({ sealed: "one", isRepeated: true });
  expect(session.admit(21, FIRST, "another")).toBe(false);
  expect(session.settle(21, FIRST, "two", "another")).toBeUndefined();
  expect(session.admit(39, FIRST)).toBe(false);
  expect(session.settle(39, FIRST, "two")).toBeUndefined();
});

test("requests that cross end with one key, and it can be written until it is acknowledged", () => {
  const session = aPaused();
  session.admit(8, FIRST);
  session.admit(8, FIRST, "again");
  expect(session.settle(9, FIRST, "one")).toEqual({ sealed: "one", isRepeated: false });
  expect(session.settle(9, FIRST, "two", "again")).toEqual({ sealed: "one", isRepeated: false });
  expect(session.settle(9, FIRST, "three", "else", "another key")).toBeUndefined();
});

test("a pause does not end between the right password and its acknowledgement", () => {
  const session = aPaused();
  session.admit(306, FIRST);
  session.settle(306.5, FIRST, "one");
  session.tick(310);
  session.acknowledge(311, FIRST);
  expect(session.got.at(-2)).toBe("200- ack");
});

test("an ended session is remembered for as long as its first id could begin it anew", () => {
  const session = aPaused();
  session.admit(8, FIRST);
  session.settle(9, FIRST, "one");
  session.acknowledge(9, FIRST);
  expect(session.isOver(120)).toBe(false);
  expect(session.isOver((session.wakeAt - START) / 1000)).toBe(true);
  expect(session.wakeAt).toBeLessThan(at(300));
});

// Whatever happens in whatever order.
const Event = fc.oneof(
  fc.record({
    kind: fc.constantFrom("tick", "join", "leave", "vanish", "fail", "giveBack", "acknowledge"),
    wait: fc.nat(40),
  }),
  fc.record({ kind: fc.constantFrom("shake", "admit", "settle", "oneStep"), wait: fc.nat(5), key: fc.nat(1) }),
);

test("whatever happens, codes are no more than allowed, nothing follows the end, and it comes in time", () => {
  fc.assert(
    fc.property(fc.array(Event, { maxLength: 60 }), (events) => {
      const session = aSession();
      const seen: string[] = [];
      let seconds = 0;
      for (const event of events) {
        seconds += event.wait;
        const key = "key" in event ? `key ${event.key}` : "";
        const { current, scanned } = session.session;
        const named = scanned ?? current;
        if (event.kind === "tick") session.tick(seconds);
        if (event.kind === "join") session.join(seconds);
        if (event.kind === "leave") session.leave(seconds);
        if (event.kind === "vanish") session.vanish();
        const { tries, failures } = session.session;
        if (event.kind === "fail" && tries > failures) session.fail(named);
        if (event.kind === "giveBack") session.giveBack(named);
        if (event.kind === "acknowledge") session.acknowledge(seconds, named);
        if (event.kind === "shake") session.shake(seconds, named, key);
        if (event.kind === "admit") session.admit(seconds, named);
        if (event.kind === "oneStep") session.admit(seconds, named, "request", key);
        if (event.kind === "settle") {
          const settled = session.settle(seconds, named, `sealed ${seen.length}`, "request", key);
          if (settled) seen.push(settled.sealed);
        }
        expect(session.session.shown).toBeLessThanOrEqual(rhythm.changes);
        expect(session.session.failures).toBeLessThanOrEqual(session.session.tries);
        expect(session.session.tries).toBeLessThanOrEqual(MOST_FAILURES);
      }
      expect(new Set(seen).size).toBeLessThanOrEqual(1);
      const ends = session.got.filter((each) => typeof each === "number");
      expect(ends.length).toBeLessThanOrEqual(1);
      if (ends.length > 0) expect(session.got.at(-1)).toBe(ends[0]);
      for (let i = 0; i < 10 && session.session.status !== "ended"; i++) session.tick((session.wakeAt - START) / 1000);
      expect(session.session.status).toBe("ended");
    }),
    { numRuns: 300 },
  );
});
