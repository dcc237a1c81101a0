import type { Env } from "#env.ts";
import type { Controller } from "#identity/controllers/tables.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { controllerAmong, controllersWhere } from "./place-queries.ts";

/** What is told of a controller; never a credential. */
export function deviceView(controller: Controller) {
  const { id, operator, serial, model, fw, name, room, status } = controller;
  return {
    ...{ id, operator, serial, model, fw, name, room, status, domain_id: controller.domainId },
    ...{ owner_account_id: controller.ownerAccountId, ban_reason: controller.banReason },
    ...{
      created_at: controller.createdAt,
      claimed_at: controller.claimedAt,
      last_seen_at: controller.lastSeenAt,
      version: controller.ver,
    },
  };
}

export async function searchDevices(
  env: Env,
  operators: readonly string[],
  filter: { serial?: string | undefined; status?: Controller["status"] | undefined },
  { cursor = "", limit }: { cursor?: string | undefined; limit: number },
) {
  const rows = await controllersWhere(database(env), operators, filter, cursor, limit);
  return { items: rows.map(deviceView), next_cursor: rows.length === limit ? rows.at(-1)!.id : null };
}

/** A controller of one of the operators; throws `device_not_found`. */
export async function findDevice(env: Env, operators: readonly string[], id: string): Promise<Controller> {
  const [row] = await controllerAmong(database(env), operators, id);
  if (!row) throw fail("device_not_found");
  return row;
}
