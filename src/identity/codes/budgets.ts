import { type Env, settings } from "#env.ts";
import type { BudgetKind } from "./budget-rules.ts";
import type { SendBudget } from "./send-budget.ts";

interface Budget {
  kind: BudgetKind;
  budget: DurableObjectStub<SendBudget>;
}

/** The budgets that one send to this country, asked for from this address, has to fit into. */
export function budgetsOf(
  env: Env,
  address: string,
  country: string,
  kinds: readonly BudgetKind[] = ["address", "country", "operator"],
  operator = settings(env).OPERATOR,
): Budget[] {
  const names = {
    address: addressName(env, address),
    country: `country:${operator}:${country}`,
    operator: `operator:${operator}`,
  };
  return kinds.map((kind) => ({ kind, budget: env.SEND_BUDGETS.getByName(names[kind]) }));
}

/** Takes one send out of all budgets, or out of none: then answers how long to wait. */
export async function takeSend(
  env: Env,
  budgets: Budget[],
  country: string,
  now: Date,
): Promise<{ retryAfter: number } | undefined> {
  const { LIMITS } = settings(env);
  const verdicts = await Promise.all(
    budgets.map(({ kind, budget }) => budget.take(kind, country, LIMITS, now.getTime())),
  );
  const refusals = verdicts.filter((verdict) => !verdict.allowed);
  for (const verdict of verdicts) if (verdict.allowed && verdict.alarm) console.warn("sending budget:", verdict.alarm);
  if (refusals.length === 0) return undefined;
  console.warn("sending budget used up:", refusals.map(({ limit }) => limit).join(", "));
  await Promise.all(budgets.filter((_, i) => verdicts[i]!.allowed).map(({ budget }) => budget.release(now.getTime())));
  return { retryAfter: Math.max(...refusals.map(({ retryAfter }) => retryAfter)) };
}

/** A code came back: its send was no attack. */
export async function noteEntered(
  env: Env,
  address: string,
  country: string,
  now: Date,
  operator = settings(env).OPERATOR,
): Promise<void> {
  await Promise.all(
    budgetsOf(env, address, country, undefined, operator).map(({ budget }) => budget.verified(now.getTime())),
  );
}

/** Takes one guess out of what the address has for the day. False when it is used up. */
export async function takeGuess(env: Env, address: string, now: Date): Promise<boolean> {
  return addressBudget(env, address).takeGuess(settings(env).LIMITS, now.getTime());
}

/** Takes one television's sign-in out of what the address may begin in a day. False when that is used up. */
export async function takeGrant(env: Env, address: string, now: Date): Promise<boolean> {
  const { LIMITS } = settings(env);
  const budget = env.SEND_BUDGETS.getByName(`grants:${prefixOf(address)}`);
  return budget.takeGuess({ ...LIMITS, addressFailuresPerDay: LIMITS.deviceGrantsPerAddress }, now.getTime());
}

/** Gives a guess back that was not wrong. */
export async function forgiveGuess(env: Env, address: string, now: Date): Promise<void> {
  await addressBudget(env, address).forgiveGuess(now.getTime());
}

const addressBudget = (env: Env, address: string) => env.SEND_BUDGETS.getByName(addressName(env, address));

const addressName = (env: Env, address: string) => `address:${settings(env).OPERATOR}:${prefixOf(address)}`;

/** An IPv6 customer owns a whole /64; an IPv4 address counts alone. */
export function prefixOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", rest] = address.toLowerCase().split("::");
  const left = head.split(":").filter(Boolean);
  const right = rest?.split(":").filter(Boolean) ?? [];
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}

/** The network around an address: an IPv4 /24, because carriers change the last number at will, or an IPv6 /64. */
export const networkOf = (address: string): string =>
  address.includes(":") ? prefixOf(address) : address.replace(/\.\d+$/, ".0/24");
