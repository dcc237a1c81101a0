import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { demandGrantor } from "#identity/policies/grantor.ts";
import {
  deletePolicy,
  type Guard,
  insertPolicy,
  raisePolicyVersionIfChanged,
  updatePolicy,
} from "#identity/policies/queries.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aPerson, shield } from "../support/shield.ts";
import { aHousehold, aRule, type Household, joins, rules, versionOf } from "./policies-support.ts";

// Between looking at a right and writing by it, everything may have changed: the statements themselves look once more.

const db = database(env);

async function writes(home: Household, guard: Guard, ver = 1) {
  const rule = aRule({ domainId: home.domain, id: newId("pol") });
  const kept = aRule({ domainId: home.domain, id: newId("pol") });
  const old = aRule({ domainId: home.domain, id: newId("pol") });
  await rules(kept, old);
  const before = await versionOf(home);
  const { operator: _, id, domainId: __, createdBy: ___, createdAt: ____, ver: _____, ...change } = kept;
  await db.batch([insertPolicy(db, rule, guard, 100), raisePolicyVersionIfChanged(db, "main", home.domain)]);
  const inserted = (await versionOf(home)) - before;
  const again = { ...guard, ...(guard.version !== undefined && { version: guard.version + inserted }) };
  await db.batch([
    updatePolicy(db, "main", id, ver, change, again),
    raisePolicyVersionIfChanged(db, "main", home.domain),
  ]);
  const updated = (await versionOf(home)) - before - inserted;
  const last = { ...again, ...(again.version !== undefined && { version: again.version + updated }) };
  await db.batch([deletePolicy(db, "main", old.id, ver, last), raisePolicyVersionIfChanged(db, "main", home.domain)]);
  return [inserted, updated, (await versionOf(home)) - before - inserted - updated];
}

test("POL-3 POL-5 a rule is written by the version of rights that was looked at, and by no other", async () => {
  const home = await aHousehold();
  expect(await writes(home, { domain: home.domain, version: 1 })).toEqual([1, 1, 1]);
  expect(await writes(home, { domain: home.domain, version: 3 })).toEqual([0, 0, 0]);
});

test("POL-3 a rule is written in the role that was looked at, and in no other", async () => {
  const home = await aHousehold();
  const admin = await joins(home, "admin");
  const as = (role: string): Guard => ({ domain: home.domain, writer: { account: admin.account, role } });
  expect(await writes(home, as("admin"))).toEqual([1, 1, 1]);
  expect(await writes(home, as("owner"))).toEqual([0, 0, 0]);
});

test("POL-3 nothing is written into a deleted domain", async () => {
  const home = await aHousehold();
  await env.DB.prepare("UPDATE domains SET status = 'deleted' WHERE id = ?").bind(home.domain).run();
  expect(await writes(home, { domain: home.domain })).toEqual([0, 0, 0]);
});

test("POL-1 a rule is changed and withdrawn as the version that was seen, and as no other", async () => {
  const home = await aHousehold();
  expect(await writes(home, { domain: home.domain }, 2)).toEqual([1, 0, 0]);
});

test("POL-3 who is no owner is held to the version, an owner to its role", async () => {
  const home = await aHousehold();
  const [admin, guest] = [await joins(home, "admin"), await joins(home, "guest")];
  const draft = aRule({ domainId: home.domain, subjId: guest.account, resId: home.door });
  const guard = (id: string) => demandGrantor(env, { kind: "account", id, operator: "main" }, draft, new Date());
  const { domain } = home;
  expect(await guard(admin.account)).toEqual({ domain, version: 1, writer: { account: admin.account, role: "admin" } });
  const { account } = home.owner;
  expect(await guard(account)).toEqual({ domain, version: undefined, writer: { account, role: "owner" } });
});

test("POL-3 a session that four digits opened gives nothing away", async () => {
  const { token } = await aPerson({ acr: "low" });
  for (const [path, method] of [
    ["/policies", "POST"],
    ["/policies/pol_1", "PUT"],
  ] as const) {
    const answer = await shield(path, { method, token, json: {} });
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: "acr_too_low" }]);
  }
});
