import type { Env } from "#env.ts";
import { demandRole } from "../guests/roles.ts";
import { heldContract, type Resident } from "../homes.ts";

/**
 * Lets those pass who live there: a foreign contract is `not_found`, and an outer guest, who has only the gates, is
 * `forbidden`.
 */
export async function demandDweller(env: Env, resident: Resident, uid: number): Promise<void> {
  const { role } = await heldContract(env, resident, { uid });
  demandRole(role, "inner");
}

/** The same for a read, which runs meanwhile and is thrown away for a stranger: so it costs no further trip. */
export async function forDweller<T>(env: Env, resident: Resident, uid: number, read: () => PromiseLike<T>): Promise<T> {
  const [found] = await Promise.all([read(), demandDweller(env, resident, uid)]);
  return found;
}
