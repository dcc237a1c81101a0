import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { journal } from "#identity/journal/journal.ts";
import { sealAudit, sealAuditOf, verifyAudit } from "#identity/journal/seals.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { anAdmin, anOperator, ops } from "../support/ops.ts";

/** Rows of an operator of its own, about one account. */
async function history(operator: string, rows: number) {
  const db = database(env);
  const target = { kind: "account", id: newId("acc") };
  for (let i = 0; i < rows; i++) {
    const entry = { action: "account.updated", target, after: { i } };
    await db.batch(journal(db, operator, { kind: "admin", id: "adm_test" }, entry, new Date(), "always"));
  }
  return target.id;
}

const numbersOf = async (operator: string) => {
  const rows = await env.DB.prepare("SELECT n FROM audit_log WHERE operator = ? ORDER BY n")
    .bind(operator)
    .all<{ n: number }>();
  return rows.results.map(({ n }) => n);
};

/** What somebody with the database in hands could do. */
async function behindOurBack(sql: string, ...values: unknown[]): Promise<void> {
  const { results } = await env.DB.prepare(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_log'",
  ).all<{ name: string; sql: string }>();
  await env.DB.batch([
    ...results.map(({ name }) => env.DB.prepare(`DROP TRIGGER ${name}`)),
    env.DB.prepare(sql).bind(...values),
    ...results.map((trigger) => env.DB.prepare(trigger.sql)),
  ]);
}

test.each([
  ["changed", "UPDATE audit_log SET reason = 'something else' WHERE operator = ?1 AND n = ?2"],
  ["removed", "DELETE FROM audit_log WHERE operator = ?1 AND n = ?2"],
])("OPS-5 a sealed row that was %s behind our back is found", async (_, sql) => {
  const operator = await anOperator();
  const { cookie } = await anAdmin({ roles: [{ role: "security", operator }] });
  await history(operator, 3);
  await sealAudit(env);
  await history(operator, 3);
  const verify = async () => (await ops("/audit/verify", { cookie })).json();
  expect(await verify()).toEqual({ ok: true, checked: 6 });
  const numbers = await numbersOf(operator);
  await behindOurBack(sql, operator, numbers[4]);
  expect(await verify()).toMatchObject({
    ok: false,
    first_bad: { operator, from: numbers[2]! + 1, to: numbers[5] },
  });
});

test("OPS-5 a row that was slipped in among sealed ones is found", async () => {
  const operator = await anOperator();
  await history(operator, 2);
  const [first = 0] = await numbersOf(operator);
  await behindOurBack("DELETE FROM audit_log WHERE operator = ?1 AND n = ?2", operator, first);
  await sealAuditOf(env, operator);
  expect((await verifyAudit(env, [operator])).ok).toBe(true);
  const forged = `INSERT INTO audit_log (n, operator, id, at, actor_kind, action, target_kind)
    VALUES (?2, ?1, 'aud_forged', 0, 'admin', 'account.updated', 'account')`;
  await env.DB.prepare(forged).bind(operator, first).run();
  expect((await verifyAudit(env, [operator])).ok).toBe(false);
});

test("OPS-5 a long audit is sealed and verified in pieces, and its end is as safe as its beginning", async () => {
  const operator = await anOperator();
  await env.DB.prepare(
    `WITH RECURSIVE t (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 2100)
      INSERT INTO audit_log (operator, id, at, actor_kind, action, target_kind) SELECT ?, 'aud_' || i, i, 'admin', 'x', 'account' FROM t`,
  )
    .bind(operator)
    .run();
  expect(await verifyAudit(env, [operator])).toEqual({ ok: true, checked: 2100 });
  const numbers = await numbersOf(operator);
  await behindOurBack("UPDATE audit_log SET at = 0 WHERE operator = ?1 AND n = ?2", operator, numbers[2050]);
  expect(await verifyAudit(env, [operator])).toMatchObject({ ok: false, first_bad: { to: numbers[2099] } });
});

test("OPS-5 many sealers at once make one chain", async () => {
  const operator = await anOperator();
  await history(operator, 4);
  await Promise.all(Array.from({ length: 8 }, () => sealAuditOf(env, operator)));
  expect(await verifyAudit(env, [operator])).toEqual({ ok: true, checked: 4 });
});

test("OPS-5 neither rows nor seals can be changed or deleted", async () => {
  const operator = await anOperator();
  await history(operator, 1);
  await sealAuditOf(env, operator);
  for (const table of ["audit_log", "audit_seals"]) {
    await expect(
      env.DB.prepare(`UPDATE ${table} SET operator = 'x' WHERE operator = ?`).bind(operator).run(),
    ).rejects.toThrow();
    await expect(env.DB.prepare(`DELETE FROM ${table} WHERE operator = ?`).bind(operator).run()).rejects.toThrow();
  }
});

test("OPS-5 the audit is read by what was done, to whom, by whom and when, page by page", async () => {
  const operator = await anOperator();
  const { cookie } = await anAdmin({ roles: [{ role: "security", operator }] });
  const [one] = [await history(operator, 3), await history(operator, 2)];
  const read = async (query: string) => {
    const answer = await ops(`/audit?${query}`, { cookie });
    return (await answer.json()) as { items: { n: number; after: unknown }[]; next_cursor: string | null };
  };
  const first = await read(`target=${one}&limit=2`);
  expect(first.items.map(({ after }) => after)).toEqual([{ i: 2 }, { i: 1 }]);
  const second = await read(`target=${one}&limit=2&cursor=${first.next_cursor}`);
  expect([second.items.map(({ after }) => after), second.next_cursor]).toEqual([[{ i: 0 }], null]);
  expect((await read("actor=adm_test")).items).toHaveLength(5);
  expect((await read("actor=adm_other")).items).toHaveLength(0);
  expect((await read("action=account.updated")).items).toHaveLength(5);
  expect((await read(`from=${new Date(Date.now() + 60_000).toISOString()}`)).items).toHaveLength(0);
  const lines = (await (await ops("/audit/export", { cookie })).text()).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).action)).toEqual([...Array(5).fill("account.updated"), "audit.exported"]);
});

test("OPS-5 OPS-6 the audit is for security officers, each of its own operators", async () => {
  const operator = await anOperator();
  await history(operator, 1);
  const support = await anAdmin({ roles: [{ role: "support", operator: "*" }] });
  expect((await ops("/audit", { cookie: support.cookie })).status).toBe(403);
  const { cookie } = await anAdmin({ roles: [{ role: "security", operator: "main" }] });
  expect((await ops(`/audit?operator=${operator}`, { cookie })).status).toBe(404);
  expect((await ops("/audit?operator=*", { cookie })).status).toBe(404);
  const { items } = (await (await ops("/audit?limit=100", { cookie })).json()) as { items: { operator: string }[] };
  expect(items.every((item) => item.operator === "main")).toBe(true);
});

test("OPS-5 the audit leaves the house only for somebody who has just proven who they are", async () => {
  const roles = [{ role: "security", operator: "main" }] as const;
  const { cookie } = await anAdmin({ roles: [...roles], authAt: new Date(Date.now() - 301_000) });
  const stale = await ops("/audit/export", { cookie });
  expect([stale.status, (await stale.json<{ code: string }>()).code]).toEqual([401, "reauthentication_required"]);
  expect((await ops("/audit", { cookie })).status).toBe(200);
});
