import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { open, seal } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { grantAt } from "./queries.ts";

const KEPT = z.object({ username: z.string(), uniqueId: z.string(), token: z.json() });

/** A user's account at a platform: what the publisher needs to write there in their name. */
export type Grant = z.output<typeof KEPT>;

/** A grant for its column; of no use in another row. */
export const sealGrant = (env: Env, userId: string, platform: string, grant: Grant): Promise<string> =>
  seal(settings(env).MASTER_KEY, JSON.stringify(grant), contextOf(env, userId, platform));

/** What the user let us use at the platform; undefined when it is nothing. Throws when MASTER_KEY has lost the key for it. */
export async function grantOf(env: Env, userId: string, platform: string): Promise<Grant | undefined> {
  const row = await grantAt(database(env), settings(env).OPERATOR, userId, platform);
  if (!row) return undefined;
  return KEPT.parse(JSON.parse(await open(settings(env).MASTER_KEY, row.sealed, contextOf(env, userId, platform))));
}

const contextOf = (env: Env, userId: string, platform: string): string =>
  `gateway:${settings(env).OPERATOR}:${userId}:grant:${platform}`;
