import type { Membership } from "../domains/tables.ts";
import type { Policy, RoleGrant } from "./tables.ts";

export type SubjectType = "account" | "device" | "service";
export type Role = Membership["role"];

export interface ResourceRef {
  type: string;
  id: string;
}

/** May the subject do that to the resource? `*` as id asks for all of the type, as an action for everything. */
export interface Question {
  subject: { type: SubjectType; id: string };
  action: string;
  resource: ResourceRef;
  /** The domain of a resource that is not registered. A registered one's own domain wins. */
  domain?: string | undefined;
  /** When the subject last proved who it is. */
  authAt?: Date | undefined;
  /** `dom_1:118`: the answer must know at least that change of that domain. */
  minVersion?: string | undefined;
}

export type Reason =
  | "allowed_by_policy"
  | "allowed_by_role"
  | "denied_by_policy"
  | "subject_not_active"
  | "resource_unknown"
  | "outside_domain"
  | "authentication_too_old"
  | "no_matching_policy"
  | "unavailable";

export interface Decision {
  decision: boolean;
  reason: Reason;
  /** `dom_1:118`; null where the resource is in no domain. */
  policyVersion: string | null;
  /** What the subject is in the resource's domain at this moment. */
  role: Role | null;
  domain: string | null;
}

/** Everything that one answer depends on. */
export interface Facts {
  subject: { active: boolean /** Of a controller: the domain it is attached to. */; domain: string | null };
  /** The resource's domain; null for none, and for a deleted one. */
  domain: { id: string; version: number } | null;
  /** Whether the resource is known to us, or only to whoever asks. */
  registered: boolean;
  /** What the resource hangs below, in its own domain. */
  parents: ResourceRef[];
  member: { role: Role; expiresAt: Date | null } | null;
  /** Of that domain, as far as they may concern the subject. */
  policies: Policy[];
  roleGrants: Pick<RoleGrant, "role" | "resType" | "actions">[];
}

/** Types whose rows are ours: what a caller says about their domain counts for nothing. */
export const OWN_TYPES: readonly string[] = ["controller", "domain"];
