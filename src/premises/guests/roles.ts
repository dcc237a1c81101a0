import { AppError } from "#platform/errors.ts";

/**
 * What a phone is to a contract. An `owner` is one of the contract's own phones. Owners let others in: an `inner` guest lives
 * there and has all that a day there takes: doors, cameras, the event log unless it is hidden, the intercom. An `outer`
 * guest comes through gates, barriers and wickets and sees nothing else.
 */
export type Role = "owner" | "inner" | "outer";

const RANK: Record<Role, number> = { owner: 2, inner: 1, outer: 0 };

/** What an outer guest may pass: what stands around the house, and not the doors into it. */
const OUTSIDE: ReadonlySet<string> = new Set(["gate", "barrier", "wicket"]);

export const isOutside = (icon: string): boolean => OUTSIDE.has(icon);

/** Whether a role is at least this one. */
export const reaches = (role: Role, least: Role): boolean => RANK[role] >= RANK[least];

/** Throws `forbidden` for a guest where it takes more: never 401 or 404, because they do have the contract. */
export function demandRole(role: Role, least: Role): void {
  if (!reaches(role, least)) throw new AppError("forbidden", "Guests may not do this", { reason: "forbidden" });
}

interface LogSwitches {
  eventLogOff: boolean;
  eventLogHidden: boolean;
}

/** Whether this role may read the flat's event log. A flat without settings yet keeps one, for all who live there. */
export function mayReadLog(role: Role, switches: LogSwitches | undefined): boolean {
  if (switches?.eventLogOff) return false;
  return reaches(role, switches?.eventLogHidden ? "owner" : "inner");
}
