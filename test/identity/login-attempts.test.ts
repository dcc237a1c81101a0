import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { settings } from "#env.ts";
import {
  type AttemptState,
  emptyAttempts,
  mayTry,
  noteSuccess,
  noteTry,
  pruneAttempts,
  takeBack,
} from "#identity/codes/attempt-rules.ts";
import { randomId } from "#platform/crypto.ts";
import { aMember, byPassword, GOOD, type Member } from "../support/logins.ts";
import { aPhone, envWith } from "../support/world.ts";

const limits = {
  ...settings(env).LIMITS,
  passwordFailures: 5,
  passwordFailuresPerHour: 20,
  passwordFailuresInARow: 100,
};
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const HERE = "203.0.113.0/24";

/** Tries until it has to wait, and tells how often it tried and how many seconds it waits. */
function exhaust(state: AttemptState, network: string, now: number) {
  for (let tries = 0; ; tries++) {
    const verdict = mayTry(state, network, limits, now);
    if (!verdict.allowed) return { tries, retryAfter: verdict.retryAfter, state };
    state = noteTry(state, network, limits, now);
  }
}

test("five wrong passwords pause a network for a minute, and each further one twice as long, an hour at most", () => {
  let now = 0;
  let { tries, retryAfter, state } = exhaust(emptyAttempts(), HERE, now);
  expect({ tries, retryAfter }).toEqual({ tries: 5, retryAfter: 60 });
  const pauses: number[] = [];
  for (let round = 0; round < 8; round++) {
    now += retryAfter * 1000;
    ({ tries, retryAfter, state } = exhaust(state, HERE, now));
    expect(tries).toBe(1);
    pauses.push(retryAfter / 60);
  }
  expect(pauses).toEqual([2, 4, 8, 16, 32, 60, 60, 60]);
});

test("one network's pause is no other's, until the login has had its twenty of the hour", () => {
  let state = emptyAttempts();
  for (const network of ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]) {
    const spent = exhaust(state, network, MINUTE);
    expect(spent.tries).toBe(5);
    state = spent.state;
  }
  const last = exhaust(state, "10.0.3.0/24", 2 * MINUTE);
  expect(last.tries).toBe(5);
  expect(mayTry(last.state, "10.0.4.0/24", limits, 3 * MINUTE)).toEqual({ allowed: false, retryAfter: 58 * 60 });
  expect(mayTry(last.state, "10.0.4.0/24", limits, MINUTE + HOUR)).toEqual({ allowed: true });
});

test("a hundred wrong passwords without a right one close the login, and time does not open it", () => {
  let state = emptyAttempts();
  for (let tries = 0; tries < 100; tries++) state = noteTry(state, `10.0.${tries}.0/24`, limits, tries * HOUR);
  expect(mayTry(state, HERE, limits, 99 * HOUR + 40 * DAY)).toEqual({ allowed: false, retryAfter: 86_400 });
  expect(mayTry(noteSuccess(state, HERE, 0), HERE, limits, 140 * DAY)).toEqual({ allowed: true });
});

test("a right password clears its own network and nobody else's", () => {
  let state = emptyAttempts();
  for (let tries = 0; tries < 5; tries++) state = noteTry(state, "10.0.0.0/24", limits, 0);
  for (let tries = 0; tries < 4; tries++) state = noteTry(state, HERE, limits, 0);
  state = noteSuccess(noteTry(state, HERE, limits, MINUTE / 2), HERE, MINUTE / 2);
  expect(exhaust(state, HERE, MINUTE / 2).tries).toBe(5);
  expect(mayTry(state, "10.0.0.0/24", limits, MINUTE / 2).allowed).toBe(false);
  expect(state.hour).toHaveLength(9);
});

test("nothing is kept of a login once nothing counts against it", () => {
  const state = noteTry(emptyAttempts(), HERE, limits, 0);
  expect(pruneAttempts(state, 0)).toMatchObject({ wakeAt: HOUR });
  expect(pruneAttempts(state, 2 * DAY)?.state).toMatchObject({ networks: {}, hour: [], failuresInARow: 1 });
  expect(pruneAttempts(state, 366 * DAY)).toBeUndefined();
  expect(pruneAttempts(noteSuccess(state, HERE, 0), 0)).toBeUndefined();
});

test("fifty tries at once are no more than were allowed", async () => {
  const attempts = env.PASSWORD_ATTEMPTS.getByName(randomId());
  const taken = await Promise.all(Array.from({ length: 50 }, () => attempts.take(HERE, limits)));
  expect(taken.filter(({ allowed }) => allowed)).toHaveLength(5);
  await attempts.unlock();
  expect(await attempts.take(HERE, limits)).toEqual({ allowed: true });
});

test("a try that was not made after all leaves nothing behind", () => {
  let state = emptyAttempts();
  for (let tries = 0; tries < 4; tries++) state = noteTry(state, HERE, limits, tries);
  const paused = noteTry(state, HERE, limits, 9);
  expect(mayTry(paused, HERE, limits, 10).allowed).toBe(false);
  const back = takeBack(paused, HERE, limits, 9);
  expect(exhaust(back, HERE, 10).tries).toBe(1);
  expect([back.hour, back.failuresInARow]).toEqual([state.hour, 4]);
  expect(takeBack(back, HERE, limits, 9)).toEqual(back);
  expect(takeBack(noteTry(emptyAttempts(), HERE, limits, 1), HERE, limits, 1)).toMatchObject({
    networks: {},
    hour: [],
  });
});

test("one address that tries one password at many logins is stopped, and takes no login's tries with it", async () => {
  const strict = envWith({ LIMITS: JSON.stringify({ addressFailuresPerDay: 3 }) });
  const [here, there] = ["2001:db8:5bad::1", "2001:db8:600d::1"];
  const tryAt = (member: Member, address: string, password = GOOD) =>
    byPassword(member, password, { headers: { "cf-connecting-ip": address }, env: strict });
  const member = await aMember({ password: true });
  const { client } = member;
  for (let tries = 0; tries < 4; tries++) expect((await tryAt(member, here)).status).toBe(200);
  for (let tries = 0; tries < 3; tries++)
    expect((await tryAt({ ...member, client, phone: aPhone() }, here, "wrong")).status).toBe(401);
  for (let tries = 0; tries < 6; tries++) {
    const refused = await tryAt(member, here);
    expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([429, "rate_limited"]);
  }
  expect((await tryAt(member, there)).status).toBe(200);
});

test("a login that is paused costs its address no guesses", async () => {
  const strict = envWith({ LIMITS: JSON.stringify({ addressFailuresPerDay: 4, passwordFailures: 3 }) });
  const headers = { "cf-connecting-ip": "2001:db8:9a05::1" };
  const [victim, other] = [await aMember({ password: true }), await aMember({ password: true })];
  for (let tries = 0; tries < 3; tries++) await byPassword(victim, "wrong", { headers, env: strict });
  for (let tries = 0; tries < 5; tries++) {
    const locked = await byPassword(victim, "wrong", { headers, env: strict });
    expect((await locked.json<{ code: string }>()).code).toBe("password_login_locked");
  }
  expect((await byPassword(other, GOOD, { headers, env: strict })).status).toBe(200);
});
