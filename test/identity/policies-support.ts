import { env } from "cloudflare:test";
import { controllers } from "#identity/controllers/tables.ts";
import { domainMembers, domains, type Membership } from "#identity/domains/tables.ts";
import { decide } from "#identity/policies/check.ts";
import { type Policy, policies, resources } from "#identity/policies/tables.ts";
import { newId, randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aClient, aPerson, type Signed, shield } from "../support/shield.ts";

// Households to test rights in.

type Role = Membership["role"];

export interface Household {
  domain: string;
  /** A controller, and a door below it. */
  controller: string;
  door: string;
  owner: Signed;
}

export async function aHousehold(): Promise<Household> {
  const owner = await aPerson();
  const domain = newId("dom");
  const controller = newId("dev");
  const door = `d${randomId(6)}`;
  const db = database(env);
  const at = new Date();
  const mine = { operator: "main", domainId: domain };
  await db.batch([
    db.insert(domains).values({
      ...{ operator: "main", id: domain, name: "Дача", status: "active", createdBy: owner.account, createdAt: at },
    }),
    db.insert(domainMembers).values({ ...mine, accountId: owner.account, role: "owner", joinedAt: at }),
    db.insert(controllers).values({
      ...{ ...mine, id: controller, serial: randomId(8), model: "hub", status: "claimed", createdAt: at },
    }),
    db.insert(resources).values([
      { ...mine, type: "domain", id: domain },
      { ...mine, type: "controller", id: controller },
      { ...mine, type: "door", id: door, parentType: "controller", parentId: controller },
    ]),
  ]);
  return { domain, controller, door, owner };
}

export async function joins(
  { domain }: Pick<Household, "domain">,
  role: Role,
  { person, expiresAt = null }: { person?: Signed; expiresAt?: Date | null } = {},
): Promise<Signed> {
  const who = person ?? (await aPerson());
  await database(env)
    .insert(domainMembers)
    .values({ operator: "main", domainId: domain, accountId: who.account, role, expiresAt, joinedAt: new Date() });
  return who;
}

export async function leaves({ domain }: Household, { account }: Signed): Promise<void> {
  await env.DB.prepare("DELETE FROM domain_members WHERE domain_id = ? AND account_id = ?").bind(domain, account).run();
}

/** A rule as the store holds it. */
export const aRule = (fields: Partial<Policy> = {}): Policy => ({
  ...{ operator: "main", id: newId("pol"), domainId: "dom_1", subjType: "account", subjId: "acc_1" },
  ...{ resType: "door", resId: "d1", actions: ["view"], effect: "allow", weekly: null, maxAuthAge: null },
  ...{ notBefore: null, expiresAt: null, origin: "grant", createdBy: "acc_0", createdAt: new Date(), ver: 1 },
  ...fields,
});

export async function rules(...rows: Policy[]): Promise<void> {
  await database(env).batch(rows.map((row) => database(env).insert(policies).values(row)) as never);
}

/** The body that publishes: somebody may do something to a door. */
export const aRight = (home: Household, who: { account: string }, fields: Record<string, unknown> = {}) => ({
  domain: home.domain,
  subject: { type: "account", id: who.account },
  resource: { type: "door", id: home.door },
  actions: ["control"],
  ...fields,
});

export const publish = (by: { token: string }, body: unknown) => shield("/policies", { token: by.token, json: body });

/** A service of the operator that may do all of it, by Basic. */
export async function aService(scopes = ["access", "policies", "resources"], operator = "main") {
  const { id, secret } = await aClient({ kind: "confidential", scopes, operator });
  return { id, basic: { user: id, password: secret } };
}

/** Whether somebody may do something to the door. */
export const may = async (home: Household, who: Signed, action = "control") =>
  (
    await decide(env, "main", {
      subject: { type: "account", id: who.account },
      action,
      resource: { type: "door", id: home.door },
    })
  ).decision;

/** How often the rights of the domain have changed. */
export const versionOf = async ({ domain }: Household) =>
  (await env.DB.prepare("SELECT policy_version FROM domains WHERE id = ?")
    .bind(domain)
    .first<number>("policy_version"))!;

export interface Published {
  id: string;
  version: number;
  policy_version: string;
}

export type Setting = Awaited<ReturnType<typeof settingOf>>;
/** A household with everybody in it, and one whom nobody there knows. */
export async function settingOf() {
  const home = await aHousehold();
  const [admin, member, guest] = [await joins(home, "admin"), await joins(home, "member"), await joins(home, "guest")];
  const sharer = await joins(home, "member");
  const until = new Date(Date.now() + 3_600_000);
  await rules(
    aRule({ domainId: home.domain, subjId: sharer.account, resId: home.door, actions: ["share"], expiresAt: until }),
  );
  return { home, admin, member, guest, sharer, until, stranger: await aPerson(), other: await aHousehold() };
}
