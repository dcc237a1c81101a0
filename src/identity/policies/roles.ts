import type { Facts, Role } from "./question.ts";

/** Highest first. */
export const ROLES = ["owner", "admin", "member", "guest"] as const satisfies readonly Role[];

/** Whether one role stands above another; nobody at all stands below everybody. */
export const isAbove = (one: Role | null, other: Role | null): boolean => rank(one) < rank(other);

const rank = (role: Role | null) => (role === null ? ROLES.length : ROLES.indexOf(role));

/** By type of resource; `!delete` takes an action out of `*`. Operators change it row by row (`role_grants`). */
const BUILT_IN: Record<Role, Record<string, readonly string[]>> = {
  owner: { "*": ["*"] },
  admin: { "*": ["*", "!delete", "!transfer"] },
  member: { "*": ["view", "control"] },
  guest: { domain: ["view"] },
};

/** Whether a role alone allows the action. Where the type or the action is `*`, whether it does so for each of them. */
export function roleAllows(role: Role, type: string, action: string, changed: Facts["roleGrants"]): boolean {
  const rows = changed.filter((row) => row.role === role);
  const types = type === "*" ? ["*", ...rows.map((row) => row.resType)] : [type];
  return types.every((each) => includes(actionsOn(role, each, rows), action));
}

function actionsOn(role: Role, type: string, rows: Facts["roleGrants"]): readonly string[] {
  const row = (wanted: string) => rows.find(({ resType }) => resType === wanted)?.actions;
  // A type is whatever somebody asks about: `constructor` has a row no more than any other unknown one.
  const builtIn = Object.hasOwn(BUILT_IN[role], type) ? BUILT_IN[role][type] : BUILT_IN[role]["*"];
  return row(type) ?? row("*") ?? builtIn ?? [];
}

function includes(actions: readonly string[], action: string): boolean {
  const all = actions.includes("*");
  if (action === "*") return all && !actions.some((each) => each.startsWith("!"));
  return !actions.includes(`!${action}`) && (all || actions.includes(action));
}
