import { env } from "cloudflare:test";
import { randomDigits } from "#platform/crypto.ts";
import { changeDoor } from "#premises/registry.ts";
import { aHome } from "../support/world.ts";

/** A paid home whose door has a plate camera on its outer side and a Z5R controller. */
export async function aHomeWithReaders(fields: Parameters<typeof aHome>[0] = {}) {
  const home = await aHome(fields);
  const [rubetekUuid, z5rSerial] = [crypto.randomUUID(), `1${randomDigits(8)}`];
  await changeDoor(env, home.doorId, { rubetekUuid, rubetekExt: 0, z5rSerial });
  return { ...home, rubetekUuid, z5rSerial };
}

/** What stands in the flat's log, oldest first. */
export async function logOf(uid: number) {
  const { results } = await env.DB.prepare(
    "SELECT kind, device_id, title, detail, extra, at FROM events WHERE operator = 'main' AND uid = ? ORDER BY at",
  )
    .bind(uid)
    .all<{ kind: number; device_id: number; title: string; detail: string; extra: string; at: number }>();
  return results.map(({ extra, ...row }) => ({ ...row, extra: JSON.parse(extra) as Record<string, unknown> }));
}
