import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { policies } from "#identity/policies/tables.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aController, aDomain, aMember, audited, eventsOf, refusal, roleIn } from "../support/domains.ts";
import { aPerson, type Signed, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

const OLD = new Date(Date.now() - 400_000);
const codeOf = async (answer: Response) => ((await answer.json()) as { code?: string }).code;

async function aRight(domainId: string, account: string): Promise<string> {
  const id = newId("pol");
  await database(env)
    .insert(policies)
    .values({
      ...{ operator: "main", id, domainId, subjType: "account", subjId: account, resType: "door", resId: "d1" },
      ...{ actions: ["view"], effect: "allow", origin: "grant", createdBy: account, createdAt: new Date() },
    });
  return id;
}

const count = async (sql: string, ...values: string[]) =>
  (await env.DB.prepare(`SELECT count(*) AS n FROM ${sql}`)
    .bind(...values)
    .first<{ n: number }>())!.n;

test("DOM-1 a domain is made, seen, renamed and deleted by its owner", async () => {
  const { token, account } = await aPerson();
  const made = await shield("/domains", { token, json: { name: "  Дача ", address_ref: "street-7" } });
  expect(made.status).toBe(201);
  const domain = (await made.json()) as { id: string };
  expect(domain).toMatchObject({ name: "Дача", address_ref: "street-7", role: "owner", version: 1, offered_to: null });

  const renamed = await shield(`/domains/${domain.id}`, { token, method: "PATCH", json: { name: "Дом у реки" } });
  expect([renamed.status, await renamed.json()]).toMatchObject([200, { name: "Дом у реки", address_ref: "street-7" }]);
  const seen = await shield(`/domains/${domain.id}`, { token });
  expect(seen.headers.get("etag")).toBe('"2"');
  const listed = await shield("/domains", { token });
  expect(await listed.json()).toMatchObject({ items: [{ id: domain.id, name: "Дом у реки" }], next_cursor: null });
  expect(await count("resources WHERE type = 'domain' AND id = ? AND domain_id = id", domain.id)).toBe(1);

  const gone = await shield(`/domains/${domain.id}`, { token, method: "DELETE" });
  expect(gone.status).toBe(202);
  expect(await refusal(await shield(`/domains/${domain.id}`, { token }))).toEqual([404, "domain_not_found"]);
  expect(await (await shield("/domains", { token })).json()).toEqual({ items: [], next_cursor: null });
  expect(await eventsOf(domain.id)).toEqual([
    { type: "domain.created", data: { owner: account } },
    { type: "domain.updated", data: {} },
    { type: "domain.deleted", data: { accounts: [account] } },
  ]);
  for (const action of ["domain.created", "domain.updated", "domain.deleted"]) {
    expect(await audited(domain.id, action)).toBe(1);
  }
});

test("DOM-1 a list of domains goes on where its cursor says, and ends", async () => {
  const owner = await aPerson();
  const made = [await aDomain(owner), await aDomain(owner), await aDomain(owner)].map(({ id }) => id);
  await aDomain();
  const page = async (cursor: string) =>
    (await (await shield(`/domains?limit=2${cursor}`, { token: owner.token })).json()) as {
      items: { id: string }[];
      next_cursor: string | null;
    };
  const first = await page("");
  const second = await page(`&cursor=${first.next_cursor}`);
  expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(made.toSorted());
  expect(second.next_cursor).toBeNull();
});

test("DOM-1 an edit of what has changed in the meantime is refused", async () => {
  const { id, owner } = await aDomain();
  const edit = (name: string, version: number) =>
    shield(`/domains/${id}`, {
      ...{ token: owner.token, method: "PATCH", json: { name }, headers: { "if-match": `"${version}"` } },
    });
  expect((await edit("first", 1)).status).toBe(200);
  expect(await refusal(await edit("second", 1))).toEqual([412, "precondition_failed"]);
  expect((await edit("third", 2)).status).toBe(200);
});

test("DOM-1 with a domain end its memberships, invitations, rights and resources", async () => {
  const { id, owner } = await aDomain();
  const member = await aMember(id);
  await aRight(id, member.account);
  const { code } = await aLink(id, owner);
  expect((await shield(`/domains/${id}`, { token: owner.token, method: "DELETE" })).status).toBe(202);
  for (const table of ["domain_members", "policies", "resources"]) {
    expect(await count(`${table} WHERE domain_id = ?`, id)).toBe(0);
  }
  const stranger = await aPerson();
  expect(await refusal(await shield(`/invitations/${code}`, { token: stranger.token }))).toEqual([
    410,
    "invitation_expired",
  ]);
});

async function aLink(id: string, { token }: Signed, fields: object = {}) {
  const answer = await shield(`/domains/${id}/invitations`, { token, json: { to: null, role: "member", ...fields } });
  const { link } = (await answer.json()) as { link: string };
  return { code: link.split("/").at(-1)! };
}

test("DOM-1 DOM-5 a domain with controllers is deleted only when they shall be detached", async () => {
  const { id, owner } = await aDomain();
  const device = await aController({ ownerAccountId: owner.account });
  await shield(`/domains/${id}/devices/${device}`, { token: owner.token, method: "PUT" });
  const path = `/domains/${id}`;
  expect(await refusal(await shield(path, { token: owner.token, method: "DELETE" }))).toEqual([
    409,
    "domain_not_empty",
  ]);
  expect((await shield(path, { token: owner.token })).status).toBe(200);
  expect((await shield(`${path}?force=detach`, { token: owner.token, method: "DELETE" })).status).toBe(202);
  expect(await count("controllers WHERE id = ? AND domain_id IS NULL", device)).toBe(1);
  expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
    ...["domain.created", "domain.device_added", "domain.device_removed", "domain.deleted"],
  ]);
});

/** Every route below a domain: what it takes to be let in there. */
const ROUTES: [method: string, path: string, json?: object][] = [
  ["GET", ""],
  ["PATCH", "", { name: "mine now" }],
  ["DELETE", ""],
  ["DELETE", "?force=detach"],
  ["GET", "/members"],
  ["PATCH", "/members/ACCOUNT", { role: "owner" }],
  ["DELETE", "/members/ACCOUNT"],
  ["POST", "/leave"],
  ["POST", "/owner", { account_id: "ACCOUNT" }],
  ["DELETE", "/owner"],
  ["POST", "/owner/accept"],
  ["POST", "/owner/decline"],
  ["POST", "/invitations", { role: "member" }],
  ["GET", "/invitations"],
  ["DELETE", "/invitations/inv_1"],
  ["PUT", "/devices/dev_1"],
  ["DELETE", "/devices/dev_1"],
];

async function walk(id: string, token: string, victim: string, [method, path, json]: (typeof ROUTES)[number]) {
  const filled = JSON.parse(JSON.stringify(json ?? null).replaceAll("ACCOUNT", victim));
  return shield(`/domains/${id}${path.replace("ACCOUNT", victim)}`, { token, method, ...(json && { json: filled }) });
}

test.each(ROUTES)("DOM-7 to an outsider there is no domain to %s %s", async (...route) => {
  const { id, owner } = await aDomain();
  const outsider = await aPerson();
  expect(await refusal(await walk(id, outsider.token, owner.account, route))).toEqual([404, "domain_not_found"]);
  const missing = await walk(newId("dom"), outsider.token, owner.account, route);
  expect(await refusal(missing)).toEqual([404, "domain_not_found"]);
});

test.each(ROUTES)("DOM-7 one whose stay is over is an outsider to %s %s", async (...route) => {
  const { id, owner } = await aDomain();
  const guest = await aMember(id, "guest", { expiresAt: new Date(Date.now() - 1000) });
  expect(await refusal(await walk(id, guest.token, owner.account, route))).toEqual([404, "domain_not_found"]);
});

test("DOM-7 a membership with another operator opens nothing here, though the ids are the same", async () => {
  const { id } = await aDomain();
  const person = await aPerson();
  await env.DB.prepare(
    "INSERT INTO domain_members (operator, domain_id, account_id, role, joined_at) VALUES ('elsewhere', ?, ?, 'owner', 0)",
  )
    .bind(id, person.account)
    .run();
  const answer = await shield(`/domains/${id}`, { token: person.token, method: "PATCH", json: { name: "x" } });
  expect(await refusal(answer)).toEqual([404, "domain_not_found"]);
});

const FORBIDDEN: [role: "member" | "guest" | "admin", ...(typeof ROUTES)[number]][] = [
  ...ROUTES.filter(
    ([method, path]) => !(method === "GET" && ["", "/members"].includes(path)) && path !== "/leave",
  ).flatMap(([method, path, json]) =>
    (["member", "guest"] as const).map(
      (role) => [role, method, path, json] as ["member" | "guest", string, string, object | undefined],
    ),
  ),
  ["guest", "GET", "/members"],
  ["admin", "DELETE", ""],
  ["admin", "POST", "/owner", { account_id: "ACCOUNT" }],
  ["admin", "DELETE", "/owner"],
  ["admin", "PATCH", "/members/ACCOUNT", { role: "member" }],
  ["admin", "DELETE", "/members/ACCOUNT"],
] as never;

test.each(FORBIDDEN)("DOM-3 a %s may not %s %s", async (role, ...route) => {
  const { id, owner } = await aDomain();
  const person = await aMember(id, role);
  expect(await refusal(await walk(id, person.token, owner.account, route))).toEqual([403, "role_insufficient"]);
  expect(await roleIn(id, owner.account)).toBe("owner");
});

test("DOM-7 whom the operator has banned gets nothing of the domain", async () => {
  const { id } = await aDomain();
  const member = await aMember(id, "admin");
  await env.DB.prepare("UPDATE accounts SET status = 'banned' WHERE id = ?").bind(member.account).run();
  const answer = await shield(`/domains/${id}`, { token: member.token, method: "PATCH", json: { name: "x" } });
  expect(answer.status).toBe(401);
});

test("DOM-1 deleting needs a proof of a few minutes", async () => {
  const owner = await aPerson({ now: OLD });
  const { id } = await aDomain(owner);
  const answer = await shield(`/domains/${id}`, { token: owner.token, method: "DELETE" });
  expect(await refusal(answer)).toEqual([401, "reauthentication_required"]);
});

test("DOM-5 DEV-4 a controller is in one domain at a time, and free again once detached", async () => {
  const { id, owner } = await aDomain();
  const other = await aDomain(owner);
  const device = await aController({ ownerAccountId: owner.account });
  const put = (domain: string) => shield(`/domains/${domain}/devices/${device}`, { token: owner.token, method: "PUT" });
  expect((await put(id)).status).toBe(200);
  expect((await put(id)).status).toBe(200);
  expect(await refusal(await put(other.id))).toEqual([409, "device_in_other_domain"]);
  expect(await count("resources WHERE type = 'controller' AND id = ? AND domain_id = ?", device, id)).toBe(1);

  const path = `/domains/${id}/devices/${device}`;
  expect((await shield(path, { token: owner.token, method: "DELETE" })).status).toBe(204);
  expect(await refusal(await shield(path, { token: owner.token, method: "DELETE" }))).toEqual([
    404,
    "device_not_found",
  ]);
  expect(await count("resources WHERE type = 'controller' AND id = ?", device)).toBe(0);
  expect((await put(other.id)).status).toBe(200);
  expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
    ...["domain.created", "domain.device_added", "domain.device_removed"],
  ]);
});

test("DEV-4 two domains that want one controller at once: one gets it", async () => {
  const { id, owner } = await aDomain();
  const other = await aDomain(owner);
  const device = await aController({ ownerAccountId: owner.account });
  const answers = await Promise.all(
    [id, other.id, id, other.id].map((domain) =>
      shield(`/domains/${domain}/devices/${device}`, { token: owner.token, method: "PUT" }),
    ),
  );
  const statuses = answers.map(({ status }) => status).toSorted();
  expect(statuses).toEqual([200, 200, 409, 409]);
  const added = [...(await eventsOf(id)), ...(await eventsOf(other.id))];
  expect(added.filter(({ type }) => type === "domain.device_added")).toHaveLength(1);
});

test("DOM-5 a domain takes no more controllers than it may have, however many come at once", async () => {
  const { id, owner } = await aDomain();
  const devices = await Promise.all(Array.from({ length: 5 }, () => aController({ ownerAccountId: owner.account })));
  const small = envWith({ LIMITS: JSON.stringify({ domainDevices: 2 }) });
  const answers = await Promise.all(
    devices.map((device) =>
      shield(`/domains/${id}/devices/${device}`, { token: owner.token, method: "PUT", env: small }),
    ),
  );
  const refusals = await Promise.all(answers.filter(({ status }) => status !== 200).map(codeOf));
  expect(refusals).toEqual(["device_limit_reached", "device_limit_reached", "device_limit_reached"]);
});

test.each([
  ["that nobody knows", undefined],
  ["of a stranger", { ownerAccountId: "acc_stranger" }],
  ["of a stranger, in the stranger's domain", { ownerAccountId: "acc_stranger", domainId: "dom_stranger" }],
  ["that nobody has claimed", { status: "enrolled" as const }],
  ["of another operator", { operator: "elsewhere" }],
])("DOM-5 a controller %s is not there to attach", async (_, fields) => {
  const { id, owner } = await aDomain();
  const device = fields
    ? await aController({ ...("operator" in fields && { ownerAccountId: owner.account }), ...fields })
    : "dev_0";
  const answer = await shield(`/domains/${id}/devices/${device}`, { token: owner.token, method: "PUT" });
  expect(await refusal(answer)).toEqual([404, "device_not_found"]);
});

test("DOM-5 rights on a controller and on what hangs below it end when it is detached", async () => {
  const { id, owner } = await aDomain();
  const device = await aController({ ownerAccountId: owner.account });
  await shield(`/domains/${id}/devices/${device}`, { token: owner.token, method: "PUT" });
  await env.DB.prepare(
    "INSERT INTO resources (operator, type, id, domain_id, parent_type, parent_id) VALUES ('main', 'door', ?, ?, 'controller', ?)",
  )
    .bind(`d-${device}`, id, device)
    .run();
  for (const [type, resource] of [
    ["controller", device],
    ["door", `d-${device}`],
    ["door", "d-elsewhere"],
  ] as const) {
    const right = await aRight(id, owner.account);
    await env.DB.prepare("UPDATE policies SET res_type = ?, res_id = ? WHERE id = ?").bind(type, resource, right).run();
  }
  await shield(`/domains/${id}/devices/${device}`, { token: owner.token, method: "DELETE" });
  expect(await count("policies WHERE domain_id = ?", id)).toBe(1);
  expect(await count("resources WHERE domain_id = ?", id)).toBe(1);
});

test("DOM-1 nobody makes domains without number, also by deleting them in between", async () => {
  const owner = await aPerson();
  const few = envWith({ LIMITS: JSON.stringify({ domainsPerAccount: 2 }) });
  const make = () => shield("/domains", { token: owner.token, json: { name: "Дом" }, env: few });
  const { id } = (await (await make()).json()) as { id: string };
  expect((await make()).status).toBe(201);
  expect((await shield(`/domains/${id}`, { token: owner.token, method: "DELETE" })).status).toBe(202);
  expect(await refusal(await make())).toEqual([409, "domain_limit_reached"]);
  await env.DB.prepare("UPDATE domains SET created_at = created_at - 86400000 WHERE id = ?").bind(id).run();
  const made = (await (await make()).json()) as { id: string };
  expect(await eventsOf(made.id)).toEqual([{ type: "domain.created", data: { owner: owner.account } }]);
  const all = (await (await shield("/domains", { token: owner.token })).json()) as { items: unknown[] };
  expect(all.items).toHaveLength(2);
});
