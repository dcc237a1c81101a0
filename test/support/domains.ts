import { env } from "cloudflare:test";
import { controllers } from "#identity/controllers/tables.ts";
import { domainMembers, type Role } from "#identity/domains/tables.ts";
import { newId, randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aPerson, type Signed, shield } from "./shield.ts";

// Households for tests.

export async function aDomain(owner?: Signed): Promise<{ id: string; owner: Signed }> {
  const who = owner ?? (await aPerson());
  const answer = await shield("/domains", { token: who.token, json: { name: "Дом" } });
  return { id: ((await answer.json()) as { id: string }).id, owner: who };
}

/** Somebody who belongs to the domain, without having been invited. */
export async function aMember(
  domainId: string,
  role: Role = "member",
  { expiresAt = role === "guest" ? new Date(Date.now() + 86_400_000) : null }: { expiresAt?: Date | null } = {},
): Promise<Signed> {
  const person = await aPerson();
  await database(env)
    .insert(domainMembers)
    .values({ operator: "main", domainId, accountId: person.account, role, expiresAt, joinedAt: new Date() });
  return person;
}

/** A controller that somebody has claimed and that is in no domain. */
export async function aController(fields: Partial<typeof controllers.$inferInsert> = {}): Promise<string> {
  const id = newId("dev");
  await database(env)
    .insert(controllers)
    .values({
      ...{ operator: "main", id, serial: randomId(9), model: "hub-1", status: "claimed", createdAt: new Date() },
      ...fields,
    });
  return id;
}

/** The codes of the events of a domain, in the order in which its operator hears of them; throws on a hole. */
export async function eventsOf(domainId: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const { results } = await env.DB.prepare(
    "SELECT type, agg_seq, data FROM notifications WHERE agg_kind = 'domain' AND agg_id = ? ORDER BY agg_seq",
  )
    .bind(domainId)
    .all<{ type: string; agg_seq: number; data: string }>();
  results.forEach(({ agg_seq }, i) => {
    if (agg_seq !== i + 1) throw new Error(`event ${i + 1} has the number ${agg_seq}`);
  });
  return results.map(({ type, data }) => ({ type, data: JSON.parse(data) }));
}

/** How often the audit knows of that action on that domain. */
export async function audited(domainId: string, action: string): Promise<number> {
  const row = await env.DB.prepare("SELECT count(*) AS n FROM audit_log WHERE target_id = ? AND action = ?")
    .bind(domainId, action)
    .first<{ n: number }>();
  return row!.n;
}

export const roleIn = async (domainId: string, account: string): Promise<string | undefined> =>
  (
    await env.DB.prepare("SELECT role FROM domain_members WHERE domain_id = ? AND account_id = ?")
      .bind(domainId, account)
      .first<{ role: string }>()
  )?.role;

/** Status and code of a refused call. */
export const refusal = async (answer: Response): Promise<[number, string | undefined]> => [
  answer.status,
  ((await answer.json()) as { code?: string }).code,
];
