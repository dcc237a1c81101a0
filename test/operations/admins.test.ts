import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { settings } from "#env.ts";
import type { Grant } from "#identity/admins/roles.ts";
import { open } from "#platform/crypto.ts";
import { ADMIN_PASSWORD, anAdmin, anOperator, ops } from "../support/ops.ts";

const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const newcomer = (roles: Grant[] = [{ role: "support", operator: "main" }]) => {
  const login = `new-${crypto.randomUUID()}`;
  return { login, email: `${login}@staff.example.net`, name: "Newcomer", roles };
};

async function linkTo(email: string): Promise<string> {
  const row = await env.DB.prepare("SELECT id, sealed FROM messages WHERE recipient = ? ORDER BY created_at DESC")
    .bind(email)
    .first<{ id: string; sealed: string }>();
  const text = await open(settings(env).MASTER_KEY, row!.sealed, row!.id);
  return /\/operations\/setup\?token=([\w-]+)/.exec(text)![1]!;
}

// Mails wait in the outbox, so that the test reads them before the transport wipes their text.
const quiet = { ...env, MESSAGES: { send: async () => {}, sendBatch: async () => {} } } as unknown as typeof env;

test("OPS-2 an invited administrator chooses a password by a link that is good once", async () => {
  const { cookie } = await anAdmin();
  const json = newcomer();
  const made = await ops("/admins", { cookie, json, env: quiet });
  expect(made.status).toBe(201);
  const { id, status } = (await made.json()) as { id: string; status: string };
  expect(status).toBe("invited");
  expect(await codeIn(await ops("/admins", { cookie, json, env: quiet }))).toEqual([409, "login_taken"]);

  const token = await linkTo(json.email);
  const setUp = (password: string) => ops("/auth/setup", { json: { token, password } });
  expect(await codeIn(await setUp("12345678"))).toEqual([422, "password_too_weak"]);
  const set = await setUp(ADMIN_PASSWORD);
  expect(await set.json()).toEqual({
    totp: { secret: expect.any(String), otpauth_uri: expect.stringMatching(/^otpauth:/) },
  });
  expect(await codeIn(await setUp(ADMIN_PASSWORD))).toEqual([401, "setup_link_invalid"]);
  const card = await ops(`/admins/${id}`, { cookie });
  expect(await card.json()).toMatchObject({ id, status: "active", roles: json.roles });
  const list = (await (await ops("/admins?limit=100", { cookie })).json()) as { items: { id: string }[] };
  expect(list.items.map((item) => item.id)).toContain(id);
});

test("OPS-2 a set-up link is good for a day", async () => {
  const { cookie } = await anAdmin();
  const json = newcomer();
  await ops("/admins", { cookie, json, env: quiet });
  await env.DB.prepare("UPDATE admins SET setup_until = ? WHERE login = ?")
    .bind(Date.now() - 1, json.login)
    .run();
  const late = await ops("/auth/setup", { json: { token: await linkTo(json.email), password: ADMIN_PASSWORD } });
  expect(await codeIn(late)).toEqual([401, "setup_link_invalid"]);
});

test("OPS-2 an edit names the version that it is based on", async () => {
  const { cookie } = await anAdmin();
  const { id } = await anAdmin();
  const patch = (headers: Record<string, string>) =>
    ops(`/admins/${id}`, { cookie, method: "PATCH", json: { name: "Другая" }, headers });
  expect(await codeIn(await patch({}))).toEqual([428, "precondition_required"]);
  const { headers } = await ops(`/admins/${id}`, { cookie });
  const etag = headers.get("etag")!;
  const changed = await patch({ "if-match": etag });
  expect(changed.status).toBe(200);
  expect(await changed.json()).toMatchObject({ name: "Другая" });
  expect(await codeIn(await patch({ "if-match": etag }))).toEqual([412, "precondition_failed"]);
});

test("OPS-9 a ban or a deletion says why, and ends the session at once", async () => {
  const { cookie } = await anAdmin();
  const other = await anAdmin();
  const act = (path: string, json: object, method = "POST") =>
    ops(`/admins/${other.id}${path}`, { cookie, json, method });
  expect(await codeIn(await act("/ban", {}))).toEqual([422, "reason_required"]);
  expect(await codeIn(await act("/ban", { reason: "  " }))).toEqual([422, "reason_required"]);
  expect((await act("/ban", { reason: "left" })).status).toBe(200);
  expect((await ops("/auth/me", { cookie: other.cookie })).status).toBe(401);
  expect(await codeIn(await act("/ban", { reason: "left" }))).toEqual([409, "already_in_state"]);
  expect((await act("/unban", { reason: "back" })).status).toBe(200);
  expect(await codeIn(await act("", {}, "DELETE"))).toEqual([422, "reason_required"]);
  expect((await act("", { reason: "left" }, "DELETE")).status).toBe(204);
  expect(await codeIn(await ops(`/admins/${other.id}`, { cookie }))).toEqual([404, "admin_not_found"]);
  const rows = await env.DB.prepare("SELECT action, reason FROM audit_log WHERE target_id = ? ORDER BY n")
    .bind(other.id)
    .all();
  expect(rows.results).toEqual([
    { action: "admin.banned", reason: "left" },
    { action: "admin.unbanned", reason: "back" },
    { action: "admin.deleted", reason: "left" },
  ]);
});

test.each([
  ["ban", "POST", "/ban", { reason: "x" }],
  ["delete", "DELETE", "", { reason: "x" }],
  ["demote", "PUT", "/roles", { roles: [{ role: "viewer", operator: "*" }] }],
])("OPS-9 nobody can %s themselves", async (_, method, path, json) => {
  const { cookie, id } = await anAdmin();
  await anAdmin();
  expect(await codeIn(await ops(`/admins/${id}${path}`, { cookie, method, json }))).toEqual([
    409,
    "self_action_forbidden",
  ]);
});

const demoted = { roles: [{ role: "viewer", operator: "*" }] };

test.each([
  ["demoted", "PUT", "/roles", demoted],
  ["banned", "POST", "/ban", { reason: "x" }],
  ["deleted", "DELETE", "", { reason: "x" }],
])("OPS-9 of two superadmins who want each other %s at once, one stays", async (_, method, path, json) => {
  await env.DB.prepare("DELETE FROM admin_roles WHERE role = 'superadmin'").run();
  const [a, b] = [await anAdmin(), await anAdmin()];
  const answers = await Promise.all([
    ops(`/admins/${b.id}${path}`, { cookie: a.cookie, method, json }),
    ops(`/admins/${a.id}${path}`, { cookie: b.cookie, method, json }),
  ]);
  const { n } = (await env.DB.prepare(
    `SELECT count(*) AS n FROM admin_roles JOIN admins ON admins.id = admin_id
      WHERE role = 'superadmin' AND admin_roles.operator = '*' AND status = 'active'`,
  ).first<{ n: number }>())!;
  expect(n).toBe(1);
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
});

test("OPS-6 roles count at once", async () => {
  const { cookie } = await anAdmin();
  const other = await anAdmin({ roles: [{ role: "viewer", operator: "main" }] });
  expect(await codeIn(await ops("/admins", { cookie: other.cookie }))).toEqual([403, "role_insufficient"]);
  const give = (roles: Grant[]) => ops(`/admins/${other.id}/roles`, { cookie, method: "PUT", json: { roles } });
  expect((await give([{ role: "superadmin", operator: "*" }])).status).toBe(200);
  expect((await ops("/admins", { cookie: other.cookie })).status).toBe(200);
  expect(await codeIn(await give([{ role: "viewer", operator: "nowhere" }]))).toEqual([404, "operator_not_found"]);
});

test("OPS-6 a superadmin of one operator looks after its administrators alone", async () => {
  const operator = await anOperator();
  const { cookie } = await anAdmin({ roles: [{ role: "superadmin", operator }] });
  const elsewhere = await anAdmin({ roles: [{ role: "viewer", operator: "main" }] });
  const here = await anAdmin({ roles: [{ role: "viewer", operator }] });
  expect((await ops(`/admins/${here.id}`, { cookie })).status).toBe(200);
  expect(await codeIn(await ops(`/admins/${elsewhere.id}`, { cookie }))).toEqual([404, "admin_not_found"]);
  const invite = await ops("/admins", { cookie, json: newcomer([{ role: "viewer", operator: "main" }]) });
  expect(await codeIn(invite)).toEqual([404, "operator_not_found"]);
  const promote = { cookie, method: "PUT", json: { roles: [{ role: "superadmin", operator: "*" }] } };
  expect(await codeIn(await ops(`/admins/${here.id}/roles`, promote))).toEqual([404, "operator_not_found"]);
});

test("OPS-6 a lost authenticator is replaced by a new link, and until then nobody is signed in", async () => {
  const { cookie } = await anAdmin();
  const other = await anAdmin({ password: true });
  await env.DB.prepare("UPDATE admins SET email = login WHERE id = ?").bind(other.id).run();
  const reset = await ops(`/admins/${other.id}/reset-totp`, { cookie, json: { reason: "lost" }, env: quiet });
  expect(reset.status).toBe(204);
  expect((await ops("/auth/me", { cookie: other.cookie })).status).toBe(401);
  const credentials = { login: other.login, password: ADMIN_PASSWORD };
  expect(await codeIn(await ops("/auth/login", { json: credentials }))).toEqual([401, "admin_totp_required"]);
  const token = await linkTo(other.login);
  expect((await ops("/auth/setup", { json: { token, password: "another-good-phrase-7" } })).status).toBe(200);
});
