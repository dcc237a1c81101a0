import type { Env } from "#env.ts";
import { remoteBilling, type ServiceState } from "#operator/billing.ts";
import type { devicesOfContract } from "./dialplan-queries.ts";

/** A device that a contract has a right to, and what it has of it. */
export interface HeldDevice {
  deviceId: number;
  type: number;
  monitorid: number | null;
  state: ServiceState;
}

type Row = Awaited<ReturnType<typeof devicesOfContract>>[number];

/** The service states of what a contract has: as the row says, or as a remote billing answers. A call may not be let in on an old answer. */
export async function withStates(env: Env, uid: number, rows: readonly Row[]): Promise<HeldDevice[]> {
  const billing = remoteBilling(env, { fresh: true });
  if (!billing || rows.length === 0) return rows.map((row) => ({ ...row, state: row.state ?? 0 }));
  const states = await billing.statesOf(
    uid,
    rows.map(({ deviceId }) => deviceId),
  );
  return rows.map((row) => ({ ...row, state: states.get(row.deviceId) ?? 0 }));
}
