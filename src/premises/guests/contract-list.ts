import { type Env, settings } from "#env.ts";
import { remoteBilling } from "#operator/billing.ts";
import { passportIsConfirmed } from "#operator/billing-people.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { makeHomes, type Resident, type Selection, whoseOf } from "../homes.ts";
import { contractsOf, homesBy } from "../queries.ts";
import { type HeldContract, heldByBilling } from "./held.ts";
import { gatesOf, guestsOfAll, ownersOf } from "./list-queries.ts";
import { mayReadLog, type Role } from "./roles.ts";

export interface Roommate {
  phone: string;
  type: Role;
  /** Null: for as long as the operator's contract says. */
  expiresAt: Date | null;
}

/** A contract as the settings screen shows it. */
export interface ContractCard extends HeldContract {
  /** There is a gate, a barrier or a wicket to let somebody through. */
  hasGates: boolean;
  hasLog: boolean;
  /** Who else may come in; only owners are told. */
  roommates: Roommate[];
}

/**
 * The resident's contracts for the settings screen: one round trip to D1 behind what a remote billing says. The settings of a new
 * flat are made after the answer; nothing else waits for that.
 */
export async function contractsOfResident(
  env: Env,
  { phone }: Pick<Resident, "phone">,
  { fresh = false }: Selection,
  later: After,
  now = new Date(),
): Promise<ContractCard[]> {
  const { contracts, homes, gates, owners, guests, isRemote } = await readContracts(env, phone, fresh, now);
  const settingsOf = new Map(homes.map((home) => [home.uid, home]));
  const [first, ...rest] = contracts.map(({ uid }) => uid).filter((uid) => !settingsOf.has(uid));
  if (first !== undefined) later(() => makeHomes(env, [first, ...rest]));
  const withGates = new Set(gates.map(({ uid }) => uid));
  return Promise.all(
    contracts.map(async (contract) => ({
      ...contract,
      isConfirmed: await isConfirmed(env, contract),
      hasGates: withGates.has(contract.uid),
      hasLog: mayReadLog(contract.role, settingsOf.get(contract.uid)),
      roommates: contract.role === "owner" ? roommatesOf(contract.uid, owners, guests, isRemote) : [],
    })),
  );
}

async function readContracts(env: Env, phone: string, fresh: boolean, now: Date) {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const billing = remoteBilling(env, { fresh });
  const billed = billing && (await heldByBilling(env, billing, phone, now));
  const whose = whoseOf(billed, { phone }, now);
  const [rows, homes, gates, owners, guests] = await db.batch([
    contractsOf(db, operator, whose),
    homesBy(db, operator, whose),
    gatesOf(db, operator, whose),
    ownersOf(db, operator, whose),
    guestsOfAll(db, operator, whose, now),
  ]);
  const same = { homes, gates, guests, isRemote: billed !== undefined };
  if (!billed) return { ...same, contracts: rows as HeldContract[], owners };
  // A remote billing says only that the contract is the caller's own.
  return { ...same, contracts: billed, owners: billed.map(({ uid }) => ({ uid, phone })) };
}

const isConfirmed = async (env: Env, { uid, role, isConfirmed: known }: HeldContract): Promise<boolean> =>
  known ?? (role === "owner" && (await passportIsConfirmed(env, uid)));

function roommatesOf(
  uid: number,
  owners: readonly { uid: number; phone: string }[],
  guests: readonly { uid: number; phone: string; type: Role; expiresAt: Date; grantedBy: string }[],
  isRemote: boolean,
): Roommate[] {
  const own = owners.filter((owner) => owner.uid === uid).map((owner) => owner.phone);
  const letIn = guests.filter((guest) => guest.uid === uid && !own.includes(guest.phone));
  return [
    ...own.map((phone) => ({ phone, type: "owner" as const, expiresAt: null })),
    // Who was let in by somebody whose phone has left the contract is nobody's guest any more.
    ...letIn
      .filter(({ grantedBy }) => isRemote || own.includes(grantedBy))
      .map(({ phone, type, expiresAt }) => ({ phone, type, expiresAt })),
  ];
}
