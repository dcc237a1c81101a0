import { type Env, settings } from "#env.ts";
import { open, seal } from "#platform/crypto.ts";
import type { Device } from "./tables.ts";

const NAMES = ["stream", "sippassword", "camshot", "panellogin", "panelpasswd", "mediaSecret"] as const;

/** What of a device nobody may read in the database: URLs with credentials inside, passwords. */
export type DeviceSecrets = Record<(typeof NAMES)[number], string | null>;

type GivenSecrets = { [K in keyof DeviceSecrets]?: DeviceSecrets[K] | undefined };

const NONE: DeviceSecrets = {
  ...{ stream: null, sippassword: null, camshot: null, panellogin: null, panelpasswd: null },
  mediaSecret: null,
};

/** The secrets of a device row, in clear. Never for a log. */
export async function secretsOf(env: Env, { uuid, secrets }: Pick<Device, "uuid" | "secrets">): Promise<DeviceSecrets> {
  if (secrets === null) return NONE;
  const json = await open(settings(env).MASTER_KEY, secrets, contextOf(uuid));
  return { ...NONE, ...(JSON.parse(json) as Partial<DeviceSecrets>) };
}

/** One sealed column for all of them; null when there are none. */
export async function sealSecrets(env: Env, uuid: string, given: GivenSecrets): Promise<string | null> {
  const kept = NAMES.flatMap((name) => (given[name] ? [[name, given[name]]] : []));
  if (kept.length === 0) return null;
  return seal(settings(env).MASTER_KEY, JSON.stringify(Object.fromEntries(kept)), contextOf(uuid));
}

/** The column after a change; undefined when the change names no secret. */
export async function resealSecrets(
  env: Env,
  device: Device,
  change: GivenSecrets,
): Promise<string | null | undefined> {
  const named = NAMES.filter((name) => change[name] !== undefined);
  if (named.length === 0) return undefined;
  // A change of all of them needs nothing of the old ones, not even the key that sealed them.
  const old = named.length < NAMES.length ? await secretsOf(env, device) : NONE;
  return sealSecrets(env, device.uuid, { ...old, ...Object.fromEntries(named.map((name) => [name, change[name]])) });
}

const contextOf = (uuid: string) => `device:${uuid}`;
