import { masked } from "../login/targets.ts";
import { versionText } from "../policies/policy-version.ts";
import type { Domain, Invitation, Membership, Role } from "./tables.ts";

// How domains, members and invitations look on the wire.

const time = (at: Date | null) => at?.toISOString() ?? null;

/** A domain as this caller sees it; the offer of it is shown to those whom it concerns. */
export function domainView(domain: Domain, { role, caller }: { role: Role | null; caller: string }) {
  const { id, name, addressRef, policyVersion, nextOwnerId, createdAt, ver } = domain;
  const concerned = nextOwnerId !== null && (role === "owner" || nextOwnerId === caller);
  return {
    ...{ id, name, address_ref: addressRef, role, policy_version: versionText(id, policyVersion) },
    ...{ offered_to: concerned ? nextOwnerId : null, created_at: time(createdAt), version: ver },
  };
}

export function memberView({ member, name }: { member: Membership; name: string | null }) {
  const { domainId, accountId, role, expiresAt, invitedBy, joinedAt } = member;
  return {
    ...{ account_id: accountId, domain_id: domainId, name, role, expires_at: time(expiresAt) },
    ...{ invited_by: invitedBy, joined_at: time(joinedAt) },
  };
}

/** An invitation as those see it who may invite. The code is not in it: it was shown once. */
export function invitationView(invitation: Invitation) {
  const { id, domainId, toType, toValue, createdBy, maxUses, uses, createdAt, note } = invitation;
  const to = toType === null || toValue === null ? null : { [toType]: masked({ type: toType, value: toValue }) };
  return {
    ...{ id, domain_id: domainId, to, ...offered(invitation), note, max_uses: maxUses, uses },
    ...{ created_by: createdBy, created_at: time(createdAt) },
  };
}

/** What the invited person is told of a domain before joining it: who invites, to what, as what. */
export function previewView(found: { invitation: Invitation; domainName: string | null; inviterName: string | null }) {
  const { invitation, domainName, inviterName } = found;
  return {
    ...{ id: invitation.id, domain: { name: domainName }, inviter: { name: inviterName } },
    ...{ ...offered(invitation), note: invitation.note },
  };
}

export const offered = ({
  role,
  expiresAt,
  memberExpiresAt,
}: Pick<Invitation, "role" | "expiresAt" | "memberExpiresAt">) => ({
  ...{ role, expires_at: time(expiresAt), member_expires_at: time(memberExpiresAt) },
});

/** A page of at most `limit`, out of rows of which one more was asked for. */
export function pageOf<Row, View>(rows: Row[], limit: number, idOf: (row: Row) => string, view: (row: Row) => View) {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { items: shown.map(view), next_cursor: last === undefined ? null : idOf(last) };
}
