import { type Env, settings } from "#env.ts";
import type { BilledContract, RemoteBilling } from "#operator/billing.ts";
import { database } from "#platform/db.ts";
import { invitationsOf } from "./queries.ts";
import type { Role } from "./roles.ts";

/** A contract as somebody has it: their own, or one that they are a guest of. */
export interface HeldContract extends BilledContract {
  role: Role;
  /** The phone that a remote billing knows the contract by, where that is not the caller's own. */
  billedTo?: string;
  /** Who the contract is made with, and whether the operator has seen their passport: where our own billing knows. */
  clientName?: string | null;
  isConfirmed?: boolean;
}

/**
 * The contracts that a phone has by a remote billing: its own, and those of owners who let it in, for as long as billing says
 * that they are still theirs. Billing is asked about all of these owners at once; a contract of one's own counts as that.
 */
export async function heldByBilling(
  env: Env,
  billing: RemoteBilling,
  phone: string,
  now: Date,
): Promise<HeldContract[]> {
  const [own, invited] = await Promise.all([
    billing.contractsOf(phone),
    invitationsOf(database(env), settings(env).OPERATOR, phone, now),
  ]);
  const held = new Map<number, HeldContract>(own.map((contract) => [contract.uid, { ...contract, role: "owner" }]));
  const byOwner = [...Map.groupBy(invited, ({ grantedBy }) => grantedBy)];
  const lent = await Promise.all(byOwner.map(async ([owner]) => billing.contractsOf(owner)));
  byOwner.forEach(([billedTo, invitations], i) => {
    const types = new Map(invitations.map(({ uid, type }) => [uid, type]));
    for (const contract of lent[i]!) {
      const role = types.get(contract.uid);
      if (role && !held.has(contract.uid)) held.set(contract.uid, { ...contract, role, billedTo });
    }
  });
  return [...held.values()];
}
