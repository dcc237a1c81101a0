import { expect, test } from "vitest";
import { type Challenge, type CodePolicy, type CodeState, emptyState, prune } from "#identity/codes/code-state.ts";
import { guess, noteCall, redeemCall } from "#identity/codes/guess-rules.ts";
import { maySend, noteSend, withdrawSend } from "#identity/codes/send-rules.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const policy: CodePolicy = {
  ...{ length: 4, lifeMs: 2 * MINUTE, tries: 3, gapsMs: [MINUTE, MINUTE, 2 * MINUTE, 5 * MINUTE] },
  ...{ sendsPerHour: 5, sendsPerDay: 8, failuresPerHour: 10, failuresPerDay: 8, failuresInARow: 100 },
  reserve: { sendsPerDay: 3, triesPerDay: 10 },
};
const challenge = (id: string, now: number): Challenge => ({
  id,
  mac: `mac of ${id}`,
  issuedAt: now,
  expiresAt: now + policy.lifeMs,
  tries: 0,
});
const right = () => true;
const wrong = () => false;

/** One number's history, told step by step. */
function history() {
  let state: CodeState = emptyState();
  return {
    get state() {
      return state;
    },
    send(now: number, install?: string) {
      const verdict = maySend(state, policy, install, now);
      if (verdict.allowed) state = noteSend(state, verdict.pool, challenge(`c${now}`, now), now);
      return verdict;
    },
    guess(matches: (challenge: Challenge) => boolean, now: number, install?: string) {
      const decided = guess(state, policy, { install }, matches, now);
      state = decided.state;
      return decided.verdict;
    },
  };
}

test("a second code has to wait for the gap, and the gaps grow", () => {
  const phone = history();
  expect(phone.send(0)).toEqual({ allowed: true, pool: "open" });
  expect(phone.send(30_000)).toEqual({ allowed: false, reason: "gap", retryAfter: 30 });
  expect(phone.send(MINUTE)).toMatchObject({ allowed: true });
  expect(phone.send(2 * MINUTE)).toMatchObject({ allowed: true });
  expect(phone.send(3 * MINUTE)).toEqual({ allowed: false, reason: "gap", retryAfter: 60 });
  expect(phone.send(4 * MINUTE)).toMatchObject({ allowed: true });
});

test("an hour and a day have their caps, and say when they end", () => {
  const phone = history();
  for (let i = 0; i < 5; i++) expect(phone.send(i * 10 * MINUTE)).toMatchObject({ allowed: true });
  expect(phone.send(50 * MINUTE)).toEqual({ allowed: false, reason: "hour", retryAfter: 600 });
  for (let i = 0; i < 3; i++) expect(phone.send((100 + i * 30) * MINUTE)).toMatchObject({ allowed: true });
  expect(phone.send(190 * MINUTE)).toEqual({ allowed: false, reason: "day", retryAfter: (24 * 60 - 190) * 60 });
});

test("a code that was entered leaves no gap for the next device", () => {
  const phone = history();
  phone.send(0);
  expect(phone.guess(right, 1000)).toEqual({ ok: true });
  expect(phone.send(2000)).toMatchObject({ allowed: true });
});

test("a code dies of its tries, of its use and of its age", () => {
  const phone = history();
  expect(phone.guess(right, 0)).toMatchObject({ ok: false, reason: "none" });
  phone.send(0);
  expect([1, 2, 3].map((at) => phone.guess(wrong, at))).toEqual(
    [2, 1, 0].map((triesLeft) => ({ ok: false, reason: "wrong", triesLeft, retryAfter: 0 })),
  );
  expect(phone.guess(right, 4)).toMatchObject({ ok: false, reason: "exhausted" });

  phone.send(MINUTE);
  expect(phone.guess(right, MINUTE + policy.lifeMs)).toMatchObject({ ok: false, reason: "none" });
  phone.send(4 * MINUTE);
  expect(phone.guess(right, 4 * MINUTE + policy.lifeMs - 1)).toEqual({ ok: true });
  expect(phone.guess(right, 4 * MINUTE + policy.lifeMs - 1)).toMatchObject({ ok: false, reason: "none" });
});

test("a new code does not refill the day's failures", () => {
  const phone = history();
  let failed = 0;
  for (let code = 0; code < 3; code++) {
    phone.send(code * 10 * MINUTE);
    for (let i = 0; i < 3; i++) {
      const verdict = phone.guess(wrong, code * 10 * MINUTE + i);
      if (!verdict.ok && verdict.reason === "wrong") failed++;
    }
  }
  expect(failed).toBe(policy.failuresPerDay);
  expect(phone.guess(right, 20 * MINUTE + 9)).toMatchObject({
    ok: false,
    reason: "failures",
    retryAfter: 24 * 60 * 60 - 20 * 60,
  });
  expect(phone.send(40 * MINUTE)).toMatchObject({ allowed: false, reason: "failures" });
  expect(phone.send(DAY + 10 * MINUTE)).toMatchObject({ allowed: true });
});

test("a hundred failures in a row lock the number, for a right code too", () => {
  const phone = history();
  for (let i = 0; phone.state.failuresInARow < 100; i++) {
    phone.send(i * DAY);
    for (let tries = 0; tries < 3; tries++) phone.guess(wrong, i * DAY + tries);
  }
  const later = 100 * DAY;
  expect(phone.guess(right, later)).toMatchObject({ ok: false, reason: "locked" });
  expect(phone.send(later)).toMatchObject({ allowed: false, reason: "locked" });
});

test("an install that has signed in before gets its code though a stranger has used up the quota", () => {
  const phone = history();
  phone.send(0, "own phone");
  phone.guess(right, 1, "own phone");
  for (let i = 1; i < 40; i++) phone.send(i * 15 * MINUTE);
  const now = 40 * 15 * MINUTE;
  expect(phone.send(now)).toMatchObject({ allowed: false });
  expect(phone.send(now, "another phone")).toMatchObject({ allowed: false });
  expect(phone.send(now, "own phone")).toEqual({ allowed: true, pool: "known" });
  expect(phone.guess(right, now + 1, "own phone")).toEqual({ ok: true });
});

test("a stranger's request does not kill the code of a known install", () => {
  const phone = history();
  phone.send(0, "own phone");
  phone.guess(right, 1, "own phone");
  expect(phone.send(MINUTE, "own phone")).toEqual({ allowed: true, pool: "known" });
  expect(phone.send(MINUTE + 5)).toEqual({ allowed: true, pool: "open" });
  for (let i = 0; i < 5; i++) phone.guess(wrong, MINUTE + 10 + i);
  expect(phone.guess(right, MINUTE + 30, "own phone")).toEqual({ ok: true });
});

const awaiting = (over: Partial<Challenge> = {}): Challenge => ({
  ...{ id: "c", number: "88001", client: "mine", issuedAt: 10_000, expiresAt: 130_000, tries: 0 },
  ...over,
});

test("an awaited call is redeemed once, by the client that asked, for the number it was given", () => {
  const state = noteSend(emptyState(), "open", awaiting(), 10_000);
  expect(noteCall(state, "88002", 11_000, 11_000).seen).toBe(false);
  expect(redeemCall(state, "mine", undefined, 11_000).ok).toBe(false);
  const called = noteCall(state, "88001", 11_000, 11_000);
  expect(called.seen).toBe(true);
  expect(redeemCall(called.state, "theirs", undefined, 12_000).ok).toBe(false);
  const redeemed = redeemCall(called.state, "mine", undefined, 12_000);
  expect(redeemed.ok).toBe(true);
  expect(redeemCall(redeemed.state, "mine", undefined, 13_000).ok).toBe(false);
  expect(redeemCall(called.state, "mine", undefined, 130_000).ok).toBe(false);
});

test("a repeated report of a call does not serve whoever asked next", () => {
  const asked = noteSend(emptyState(), "open", awaiting(), 10_000);
  const called = noteCall(asked, "88001", 11_000, 11_000);
  const { state: after } = redeemCall(called.state, "mine", undefined, 12_000);
  const thief = noteSend(after, "open", awaiting({ id: "t", client: "thief", issuedAt: 13_000 }), 13_000);
  expect(noteCall(thief, "88001", 11_000, 14_000).seen).toBe(false);
});

test("a call that was made before it was asked for serves nobody, give or take the PBX's clock", () => {
  const state = noteSend(emptyState(), "open", awaiting({ issuedAt: 100_000, expiresAt: 220_000 }), 100_000);
  expect(noteCall(state, "88001", 69_000, 101_000).seen).toBe(false);
  expect(noteCall(state, "88001", 71_000, 101_000).seen).toBe(true);
});

test("a report that nobody waited for does not serve whoever asks before it is repeated", () => {
  const { state } = noteCall(emptyState(), "88001", 9_000, 9_000);
  const thief = noteSend(state, "open", awaiting({ client: "thief" }), 10_000);
  expect(noteCall(thief, "88001", 9_000, 11_000).seen).toBe(false);
});

test("while a call is awaited nothing takes its place, neither another call nor a code", () => {
  const state = noteSend(emptyState(), "open", awaiting(), 10_000);
  expect(maySend(state, policy, undefined, 129_000)).toEqual({ allowed: false, reason: "gap", retryAfter: 1 });
  expect(maySend(state, policy, undefined, 130_000)).toMatchObject({ allowed: true });
});

test("a known install does not get two codes within a gap, and its newest one is good", () => {
  const phone = history();
  phone.send(0, "own");
  phone.guess(right, 1, "own");
  const start = 10 * MINUTE;
  expect([0, 0, 0, 1].map((ms) => phone.send(start + ms, "own").allowed)).toEqual([true, false, false, false]);
  // The reserve of three, then the open quota.
  const sent = [1, 2, 4, 6].map((minutes) => phone.send(start + minutes * MINUTE, "own"));
  expect(sent.map((verdict) => verdict.allowed && verdict.pool)).toEqual(["known", "known", "open", "open"]);
  const newest = (challenge: Challenge) => challenge.id === `c${start + 6 * MINUTE}`;
  expect(phone.guess(newest, start + 6 * MINUTE + 1, "own")).toEqual({ ok: true });
});

test("a guess at two codes is one try at each, so a second code brings no more tries", () => {
  const phone = history();
  phone.send(0, "own");
  phone.guess(right, 1, "own");
  phone.send(10 * MINUTE, "own");
  phone.send(11 * MINUTE);
  const verdicts = [1, 2, 3, 4].map((ms) => phone.guess(wrong, 11 * MINUTE + ms, "own"));
  expect(verdicts.map((verdict) => !verdict.ok && verdict.reason)).toEqual(["wrong", "wrong", "wrong", "exhausted"]);
});

test("a send that was taken back leaves the code before it as it was", () => {
  let state = noteSend(emptyState(), "open", challenge("first", 0), 0);
  state = noteSend(state, "open", challenge("second", MINUTE), MINUTE);
  state = withdrawSend(state, "second");
  expect(state.open).toMatchObject({ challenge: { id: "first" }, sends: [0], streak: 1 });
  expect(guess(state, policy, {}, ({ id }) => id === "first", MINUTE + 1).verdict).toEqual({ ok: true });
});

test("an address that nobody trusts any more guesses only for installs that the phone knows", () => {
  let state = noteSend({ ...emptyState(), installs: { own: 0 } }, "open", challenge("c", 0), 0);
  const tried = guess(state, policy, { install: "other", isTrusted: false }, right, 1);
  expect(tried.verdict).toMatchObject({ ok: false, reason: "failures" });
  state = tried.state;
  expect(guess(state, policy, { install: "own", isTrusted: false }, right, 1).verdict).toEqual({ ok: true });
});

test("the lock of a hundred failures spares the owner's own install, and a call from the phone lifts it", () => {
  const locked: CodeState = { ...emptyState(), installs: { own: 0 }, failuresInARow: 100, lastFailureAt: 0 };
  expect(maySend(locked, policy, "own", 1)).toMatchObject({ allowed: true });
  const asked = noteSend(locked, "known", awaiting(), 10_000);
  const { state } = redeemCall(noteCall(asked, "88001", 11_000, 11_000).state, "mine", undefined, 12_000);
  expect(state.failuresInARow).toBe(0);
  expect(prune(locked, 366 * DAY)).toBeUndefined();
});

test("a number is forgotten once nothing about it counts any more", () => {
  const phone = history();
  phone.send(0);
  expect(prune(phone.state, 1)?.wakeAt).toBe(policy.lifeMs);
  expect(prune(phone.state, policy.lifeMs)?.state.open.challenge).toBeUndefined();
  expect(prune(phone.state, policy.lifeMs)?.wakeAt).toBe(DAY);
  expect(prune(phone.state, DAY)).toBeUndefined();
});
