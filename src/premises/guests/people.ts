import { type Env, settings } from "#env.ts";
import { phonesOf } from "#operator/billing-people.ts";
import { database } from "#platform/db.ts";
import { guestsOf } from "./queries.ts";

/**
 * Everybody who lives there, for what is told to a home: the contract's own phones and those of living inner guests. A guest
 * counts while the owner who let them in does.
 */
export async function phonesOfContract(env: Env, uid: number, now = new Date()): Promise<string[]> {
  const [owners, guests] = await Promise.all([
    phonesOf(env, uid),
    guestsOf(database(env), settings(env).OPERATOR, uid, now),
  ]);
  const inner = guests.filter(({ type, grantedBy }) => type === "inner" && owners.includes(grantedBy));
  return [...new Set([...owners, ...inner.map(({ phone }) => phone)])];
}
