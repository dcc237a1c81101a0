import { env } from "cloudflare:test";
import type { Env } from "#env.ts";
import { domainMembers, domains } from "#identity/domains/tables.ts";
import { createRoute } from "#identity/gateway/routes-admin.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { policies, resources } from "#identity/policies/tables.ts";
import { newId, randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";

/** Where the routes of these tests lead. */
export const TARGET = "https://target.example";

/** A first segment that no other route has. */
export const aPlace = () => `t${randomId(6).replaceAll("-", "x").replaceAll("_", "y")}`;

/** A route below a place of its own: `/{place}/*` unless `below` says which paths there. */
export async function aRoute(
  { below = "/*", operator = "main", ...fields }: { below?: string; operator?: string } & Record<string, unknown> = {},
  environment: Env = env,
) {
  const at = `/${aPlace()}`;
  const input = { method: "*", pattern: at + below, provider: TARGET, strip_prefix: at, ...fields };
  return { at, ...(await createRoute(environment, operator, input, SYSTEM)) };
}

/** A door of a domain that the account may open; withdrawn with what is returned. */
export async function aDoorFor(account: string, action = "open") {
  const db = database(env);
  const [domain, door, policy] = [newId("dom"), newId("door"), newId("pol")];
  const now = new Date();
  const own = { operator: "main", createdBy: account, createdAt: now };
  await db.batch([
    db.insert(domains).values({ ...own, id: domain, name: "Home", status: "active" }),
    db
      .insert(domainMembers)
      .values({ operator: "main", domainId: domain, accountId: account, role: "guest", joinedAt: now }),
    db.insert(resources).values({ operator: "main", type: "door", id: door, domainId: domain }),
    db.insert(policies).values({
      ...{ ...own, id: policy, domainId: domain, subjType: "account", subjId: account, resType: "door", resId: door },
      ...{ actions: [action], effect: "allow", origin: "grant" },
    }),
  ]);
  const withdraw = () => env.DB.prepare("DELETE FROM policies WHERE id = ?").bind(policy).run();
  return { domain, door, withdraw };
}
