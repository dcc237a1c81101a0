import { isAbove, ROLES } from "../policies/roles.ts";
import type { Role } from "./tables.ts";

/** The roles that somebody of this role may give, and whose holders they may change or remove: none above the own. */
export const rolesUpTo = (own: Role | null): Role[] =>
  own === null ? [] : ROLES.filter((role) => !isAbove(role, own));
