import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { settings } from "#env.ts";
import {
  type BudgetKind,
  emptyBudget,
  forgiveGuess,
  isForgotten,
  mayGuess,
  mayTake,
  note,
  noteGuess,
} from "#identity/codes/budget-rules.ts";
import { prefixOf } from "#identity/codes/budgets.ts";

const limits = {
  ...settings(env).LIMITS,
  ...{
    addressPerHour: 3,
    addressPerDay: 5,
    addressCountriesPerDay: 2,
    addressFailuresPerDay: 4,
    countryPerHour: 3,
    countryPerDay: 6,
    operatorPerDay: 4,
  },
};
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Sends until the budget refuses, and tells how many went and which limit stopped them. */
function exhaust(kind: BudgetKind, state = emptyBudget(), now = 0) {
  for (let sent = 0; ; sent++) {
    const verdict = mayTake(state, kind, "RU", limits, now);
    if (!verdict.allowed) return { sent, limit: verdict.limit, state };
    state = note(state, { sent: 1, country: "RU" }, now);
  }
}

test.each([
  ["address", 3, "address hour"],
  ["country", 3, "country hour"],
  ["operator", 4, "operator day"],
] as const)("the %s budget lets %i codes go that nobody enters", (kind, sent, limit) => {
  expect(exhaust(kind)).toMatchObject({ sent, limit });
});

test("codes that were entered do not count against the address", () => {
  let { state } = exhaust("address");
  for (let i = 0; i < 3; i++) state = note(state, { verified: 1 }, 0);
  expect(exhaust("address", state).sent).toBe(3);
});

test("the hour passes and the day remains", () => {
  const { state } = exhaust("address");
  expect(exhaust("address", state, 2 * HOUR)).toMatchObject({ sent: 2, limit: "address day" });
});

test("one address sends to so many countries a day and no more", () => {
  let state = note(emptyBudget(), { sent: 1, country: "RU" }, 0);
  expect(mayTake(state, "address", "KZ", limits, 0).allowed).toBe(true);
  state = note(state, { sent: 1, country: "KZ" }, 0);
  expect(mayTake(state, "address", "BY", limits, 0)).toMatchObject({ allowed: false, limit: "address countries" });
  expect(mayTake(state, "address", "RU", limits, 0).allowed).toBe(true);
});

test("a country that enters many codes may send more of them", () => {
  let state = emptyBudget();
  for (let i = 0; i < 100; i++) state = note(note(state, { sent: 1 }, 0), { verified: 1 }, 0);
  expect(exhaust("country", state).sent).toBe(20);
});

test("yesterday's usual raises today's cap of the operator", () => {
  let state = emptyBudget();
  for (let i = 0; i < 30; i++) state = note(state, { sent: 1 }, 0);
  state = note(state, {}, 2 * DAY);
  expect(exhaust("operator", state, 2 * DAY).sent).toBe(60);
});

test("a request whose clock is behind does not undo what others have counted", () => {
  const step = 600_000;
  let state = emptyBudget();
  for (let i = 0; i < 50; i++) state = note(state, { sent: 1 }, step - 1000);
  state = note(state, { sent: 1 }, step + 10);
  state = note(state, { sent: 1 }, step - 5);
  expect(state.steps.map(({ at, sent }) => [at, sent])).toEqual([
    [0, 51],
    [step, 1],
  ]);
});

test("a guess that was right is given back", () => {
  const state = forgiveGuess(noteGuess(emptyBudget(), limits, 7), 7);
  expect(state.failures).toEqual([]);
  expect(forgiveGuess(state, 7)).toBe(state);
});

test("an alarm comes before the operator's cap", () => {
  let state = emptyBudget();
  for (let i = 0; i < 2; i++) state = note(state, { sent: 1 }, 0);
  expect(mayTake(state, "operator", "RU", limits, 0)).toEqual({ allowed: true, alarm: "3 of 4 messages today" });
});

test("an address that guesses wrong too often guesses no more that day", () => {
  let state = emptyBudget();
  for (let i = 0; i < 4; i++) state = noteGuess(state, limits, 0);
  expect(mayGuess(state, limits, HOUR)).toBe(false);
  expect(mayGuess(state, limits, DAY + 1)).toBe(true);
});

test("what is two weeks old is forgotten", () => {
  const state = note(emptyBudget(), { sent: 1 }, DAY);
  expect(isForgotten(state, 2 * DAY)).toBe(false);
  expect(isForgotten(state, 16 * DAY)).toBe(true);
});

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["2001:db8:0:1:aaaa:bbbb:cccc:dddd", "2001:db8:0:1::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:0DB8:0000:0001::5", "2001:db8:0:1::/64"],
])("%s counts as %s", (address, prefix) => {
  expect(prefixOf(address)).toBe(prefix);
});
