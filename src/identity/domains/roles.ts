import type { Role } from "./tables.ts";

const ASCENDING = ["guest", "member", "admin", "owner"] as const satisfies readonly Role[];

/** The roles that somebody of this role may give, and whose holders they may change or remove: none above the own. */
export const rolesUpTo = (role: Role): Role[] => ASCENDING.slice(0, ASCENDING.indexOf(role) + 1);

export const isAbove = (role: Role, other: Role): boolean => ASCENDING.indexOf(role) > ASCENDING.indexOf(other);
