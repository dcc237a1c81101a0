import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { domainMembers, domains } from "#identity/domains/tables.ts";
import { decide } from "#identity/policies/check.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aPerson } from "../support/shield.ts";

test("POL-2 an owner may", async () => {
  const { account } = await aPerson();
  const id = newId("dom");
  const db = database(env);
  await db
    .insert(domains)
    .values({ operator: "main", id, name: "x", status: "active", createdBy: account, createdAt: new Date() });
  await db
    .insert(domainMembers)
    .values({ operator: "main", domainId: id, accountId: account, role: "owner", joinedAt: new Date() });
  expect(
    await decide(env, "main", {
      subject: { type: "account", id: account },
      action: "delete",
      resource: { type: "domain", id },
    }),
  ).toEqual({ decision: true, reason: "allowed_by_role", role: "owner", domain: id, policyVersion: `${id}:1` });
  const other = await aPerson();
  expect(
    await decide(env, "main", {
      subject: { type: "account", id: other.account },
      action: "view",
      resource: { type: "domain", id },
    }),
  ).toMatchObject({ decision: false, reason: "outside_domain", role: null });
});
