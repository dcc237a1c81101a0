import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { randomId, sha256 } from "#platform/crypto.ts";
import { aController, aDomain, aMember } from "../support/domains.ts";
import { anAdmin, anOperator, ops } from "../support/ops.ts";
import { aPerson, shield } from "../support/shield.ts";
import { call } from "../support/world.ts";

const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const support = () => anAdmin({ roles: [{ role: "support", operator: "main" }] });

test("OPS-2 homes are found and renamed, and members removed with a reason", async () => {
  const { cookie } = await support();
  const { id, owner } = await aDomain();
  const member = await aMember(id);
  const { items } = (await (await ops(`/domains?q=${id}`, { cookie })).json()) as { items: { id: string }[] };
  expect(items.map((item) => item.id)).toEqual([id]);
  const patch = (headers = {}) => ops(`/domains/${id}`, { cookie, method: "PATCH", json: { name: "Дача" }, headers });
  expect(await codeIn(await patch())).toEqual([428, "precondition_required"]);
  const etag = (await ops(`/domains/${id}`, { cookie })).headers.get("etag")!;
  expect(await (await patch({ "if-match": etag })).json()).toMatchObject({ name: "Дача" });
  const remove = (account: string, json = {}) =>
    ops(`/domains/${id}/members/${account}`, { cookie, method: "DELETE", json });
  expect(await codeIn(await remove(member.account))).toEqual([422, "reason_required"]);
  expect((await remove(member.account, { reason: "asked" })).status).toBe(204);
  expect(await codeIn(await remove(owner.account, { reason: "asked" }))).toEqual([409, "last_owner"]);
  const members = (await (await ops(`/domains/${id}/members`, { cookie })).json()) as {
    items: { account_id: string }[];
  };
  expect(members.items.map(({ account_id }) => account_id)).toEqual([owner.account]);
});

test("OPS-2 homes are found in whatever case their name is written", async () => {
  const { cookie } = await support();
  const { id, owner } = await aDomain();
  const named = `Усадьба ${crypto.getRandomValues(new Uint32Array(2)).join("")}`;
  await shield(`/domains/${id}`, { token: owner.token, method: "PATCH", json: { name: named } });
  const { items } = await (await ops(`/domains?q=${encodeURIComponent(named.toUpperCase())}`, { cookie })).json<{
    items: { id: string }[];
  }>();
  expect(items.map((item) => item.id)).toContain(id);
});

test("GW-1 a path that is there, asked in another way, is 405 and says in which ways", async () => {
  for (const path of ["/ops/v1/customers", "/shield/v1/policies"]) {
    const answer = await call(path, { method: "PUT" });
    expect([answer.status, answer.headers.get("allow"), await answer.json()]).toEqual([
      ...[405, "GET, HEAD, POST", expect.objectContaining({ code: "method_not_allowed" })],
    ]);
    expect((await call(`${path}/x/y/z`, { method: "PUT" })).status).toBe(404);
  }
});

test("OPS-2 deleting a home is for an operator's administrator, with a fresh proof", async () => {
  const { id } = await aDomain();
  const remove = ({ cookie }: { cookie: string }) =>
    ops(`/domains/${id}`, { cookie, method: "DELETE", json: { reason: "x" } });
  expect(await codeIn(await remove(await support()))).toEqual([403, "role_insufficient"]);
  const roles = [{ role: "operator_admin", operator: "main" }] as const;
  const stale = await anAdmin({ roles: [...roles], authAt: new Date(Date.now() - 301_000) });
  expect(await codeIn(await remove(stale))).toEqual([401, "reauthentication_required"]);
  expect((await remove(await anAdmin({ roles: [...roles] }))).status).toBe(202);
});

test("DEV-3 controllers are found by serial, shut out, let in and freed", async () => {
  const { cookie } = await support();
  const { account } = await aPerson();
  const serial = `SN-${randomId(6)}`;
  const id = await aController({ serial, ownerAccountId: account });
  const found = (await (await ops(`/devices?serial=${serial.slice(0, 6)}`, { cookie })).json()) as {
    items: { id: string }[];
  };
  expect(found.items.map((item) => item.id)).toContain(id);
  const act = async (action: string, json = {}) => ops(`/devices/${id}/${action}`, { cookie, json });
  expect(await codeIn(await act("ban"))).toEqual([422, "reason_required"]);
  expect(await (await act("ban", { reason: "stolen" })).json()).toMatchObject({ status: "banned" });
  expect(await codeIn(await act("ban", { reason: "stolen" }))).toEqual([409, "already_in_state"]);
  expect(await (await act("unban", { reason: "found" })).json()).toMatchObject({ status: "claimed" });
  expect(await (await act("reset", { reason: "sold" })).json()).toMatchObject({ owner_account_id: null });
});

test("DEV-1 the factory's list is imported row by row, to the operators that the rows name", async () => {
  const operator = await anOperator();
  const { cookie } = await anAdmin();
  const unit = (fields = {}) => ({ serial: `U-${randomId(6)}`, model: "hub-1", ...fields });
  const units = [unit({ claim_code_hash: sha256("1234") }), unit({ operator }), { model: "none" }];
  const answer = await ops("/devices:import", { cookie, json: units });
  expect(answer.status).toBe(200);
  const { items } = (await answer.json()) as { items: { serial: string; id: string; status: string }[] };
  expect(items.map(({ serial, status }) => [serial, status])).toEqual([
    [(units[0] as { serial: string }).serial, "created"],
    [(units[1] as { serial: string }).serial, "created"],
    [null, "invalid"],
  ]);
  expect(await (await ops(`/devices/${items[1]!.id}`, { cookie })).json()).toMatchObject({ operator });
  const local = await anAdmin({ roles: [{ role: "operator_admin", operator: "main" }] });
  const foreign = await ops("/devices:import", { cookie: local.cookie, json: [unit(), unit({ operator })] });
  expect(await codeIn(foreign)).toEqual([404, "operator_not_found"]);
});

test("POL-7 support sees why somebody may or may not do something", async () => {
  const { cookie } = await support();
  const { id, owner } = await aDomain();
  const json = {
    subject: { type: "account", id: owner.account },
    action: { name: "view" },
    resource: { type: "domain", id },
  };
  const answer = await ops("/policies:explain", { cookie, json });
  expect(await answer.json()).toMatchObject({ decision: true, role: "owner", rules: expect.any(Array) });
  const looked = await env.DB.prepare(
    "SELECT after FROM audit_log WHERE action = 'policies.explained' AND target_id = ?",
  )
    .bind(owner.account)
    .first("after");
  expect(JSON.parse(looked as string)).toEqual({ action: "view", resource: `domain:${id}` });
  const everywhere = await anAdmin();
  const found = await ops("/policies:explain", { cookie: everywhere.cookie, json });
  expect(await found.json()).toMatchObject({ decision: true });
});

test("OPS-2 messages, events and the health of what is outside are read, without texts or whole numbers", async () => {
  const { cookie } = await anAdmin({ roles: [{ role: "operator_admin", operator: "main" }] });
  const { account } = await aPerson();
  expect((await ops(`/messages?account=${account}`, { cookie })).status).toBe(200);
  const all = await ops("/messages?limit=1", { cookie });
  expect([all.status, await all.json()]).toEqual([200, expect.objectContaining({ items: expect.any(Array) })]);
  const viewer = await anAdmin({ roles: [{ role: "viewer", operator: "main" }] });
  expect((await ops("/messages", { cookie: viewer.cookie })).status).toBe(403);
  const events = (await (await ops("/notifications?state=open", { cookie })).json()) as { items: object[] };
  expect(events.items[0]).toMatchObject({ operator: "main", taken_at: null });
  expect(await (await ops("/health/integrations", { cookie })).json()).toMatchObject({
    kannel: { configured: true },
    push: { configured: false, services: [] },
  });
});

test("OPS-5 whoever looks at a home, at who and what is in it, or at a controller is written down", async () => {
  const { cookie, id: who } = await support();
  const { id } = await aDomain();
  const device = await aController({ domainId: id });
  for (const path of [`/domains/${id}`, `/domains/${id}/members`, `/domains/${id}/devices`, `/devices/${device}`])
    expect((await ops(path, { cookie })).status).toBe(200);
  const { results } = await env.DB.prepare(
    "SELECT action, target_id, after FROM audit_log WHERE operator = 'main' AND actor_id = ? ORDER BY n",
  )
    .bind(who)
    .all();
  const seen = (what: string) => JSON.stringify({ what });
  expect(results).toEqual([
    ...["card", "members", "devices"].map((what) => ({ action: "domain.viewed", target_id: id, after: seen(what) })),
    { action: "device.viewed", target_id: device, after: seen("card") },
  ]);
});
