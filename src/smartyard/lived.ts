import type { Env } from "#env.ts";
import { demandRole } from "#premises/guests/roles.ts";
import { type Home, holdingsOf, type Resident } from "#premises/homes.ts";

/**
 * The home of this contract, for what only those who live there may see and do. Throws `not_found` for a foreign contract,
 * `forbidden` for a guest who only comes through the gate.
 */
export async function lived(
  env: Env,
  resident: Resident,
  selection: { uid: number; fresh?: boolean | undefined },
): Promise<Home> {
  const { homes } = await holdingsOf(env, resident, selection);
  const home = homes[0]!;
  demandRole(home.role, "inner");
  return home;
}
