/** What administrators may be, each more than the one before. */
export const ROLES = ["viewer", "support", "operator_admin", "security", "superadmin"] as const;
export type Role = (typeof ROLES)[number];

export interface Grant {
  role: Role;
  /** `*`: every operator, and what belongs to none. */
  operator: string;
}

export const EVERYWHERE = "*";

const rankOf = (role: Role) => ROLES.indexOf(role);

/** Whether a role holds what another one demands. */
export const isAtLeast = (role: Role, wanted: Role): boolean => rankOf(role) >= rankOf(wanted);

/** Whether the grants hold the role at the operator; `*` asks for it everywhere. */
export const holds = (grants: readonly Grant[], wanted: Role, operator: string): boolean =>
  grants.some(
    (grant) => isAtLeast(grant.role, wanted) && (grant.operator === EVERYWHERE || grant.operator === operator),
  );

/** Whether the grants hold the role anywhere. */
export const holdsSomewhere = (grants: readonly Grant[], wanted: Role): boolean =>
  grants.some(({ role }) => isAtLeast(role, wanted));
