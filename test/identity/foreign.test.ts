import { env } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { shield as routes } from "#identity/shield.ts";
import { aController, aDomain, aMember } from "../support/domains.ts";
import { aClient, aPerson, type Signed, shield } from "../support/shield.ts";
import { outside } from "../support/world.ts";

// Every route of Shield that names something, as the router knows them, asked for what is somebody else's.

const ROUTES = [
  ...new Set(
    routes.routes
      .filter(({ method, path }) => method !== "ALL" && path.includes(":"))
      .map(({ method, path }) => `${method} ${path}`),
  ),
].toSorted();

/** What they name is nobody's: a catalogue's code, a challenge whose code is the secret, the code on a television's screen. */
const NOBODYS = ["GET /problems/:code", "POST /auth/challenges/:id/resend", "GET /me/device-login/:code"];

let owner: Signed;
let member: Signed;
let stranger: Signed;
let named: Record<string, string>;

beforeAll(async () => {
  outside();
  const made = await aDomain();
  owner = made.owner;
  member = await aMember(made.id);
  stranger = await aPerson();
  const device = await aController({ ownerAccountId: owner.account });
  const asOwner = { token: owner.token };
  await shield(`/domains/${made.id}/devices/${device}`, { ...asOwner, method: "PUT", json: {} });
  const invited = await shield(`/domains/${made.id}/invitations`, {
    ...asOwner,
    json: { to: { phone: `+${member.phone}` }, role: "guest" },
  });
  const rule = { subject: { type: "account", id: member.account }, resource: { type: "controller", id: device } };
  const published = await shield("/policies", {
    ...asOwner,
    json: { domain: made.id, ...rule, actions: ["view"], effect: "allow" },
  });
  const me = (await (await shield("/me", asOwner)).json()) as { identifiers: { id: string }[] };
  const idOf = async (answer: Response) => ((await answer.json()) as { id: string }).id;
  named = {
    ...{ domain: made.id, device, account: member.account, session: owner.tokens.session_id },
    ...{ invitation: await idOf(invited), policy: await idOf(published), identifier: me.identifiers[0]!.id },
  };
  for (const [what, id] of Object.entries(named)) if (!id) throw new Error(`no ${what}`);
});

/** The path with the owner's ids in it. */
const pathOf = (path: string) => {
  const kind = /^\/(?:me\/)?(\w+?)s?\//.exec(path)![1]!;
  const own: Record<string, string> = {
    id: named[kind === "policie" ? "policy" : kind]!,
    code: named.invitation!,
    type: "door",
  };
  return path.replace(/:(\w+)/g, (_, name: string) => own[name] ?? named[name]!);
};

const BODIES: Record<string, unknown> = {
  "PATCH /domains/:id": { name: "Theirs" },
  "PATCH /domains/:id/members/:account": { role: "admin" },
  "POST /domains/:id/owner": { account_id: "acc_1" },
  "POST /domains/:id/invitations": { to: null, role: "guest" },
  "PATCH /devices/:id": { name: "Theirs" },
  "POST /me/identifiers/:id/verify": { challenge_id: "ch_1", code: "123456" },
};

/** Everything of the owner's that a route could change. */
async function everything(): Promise<unknown> {
  const { domain, device } = named;
  const rows = (sql: string, ...values: (string | undefined)[]) =>
    env.DB.prepare(sql)
      .bind(...values)
      .all();
  const read = await Promise.all([
    rows("SELECT * FROM domains WHERE id = ?", domain),
    rows("SELECT * FROM domain_members WHERE domain_id = ? ORDER BY account_id", domain),
    rows("SELECT * FROM invitations WHERE domain_id = ?", domain),
    rows("SELECT * FROM policies WHERE domain_id = ? ORDER BY id", domain),
    rows("SELECT * FROM resources WHERE domain_id = ? ORDER BY id", domain),
    rows("SELECT * FROM controllers WHERE id = ?", device),
    rows("SELECT id, ended_at, acr FROM sessions WHERE subject_id = ?", owner.account),
    rows("SELECT status, epoch, ver FROM accounts WHERE id = ?", owner.account),
    rows("SELECT * FROM account_identifiers WHERE account_id = ?", owner.account),
  ]);
  return read.map(({ results }) => results);
}

test.each(ROUTES.filter((route) => !NOBODYS.includes(route)))(
  "DOM-7 IDP-1 nothing of anybody else's is seen or changed: %s",
  async (route) => {
    const [method = "", path = ""] = route.split(" ");
    const before = await everything();
    const rule = {
      domain: named.domain,
      actions: ["view"],
      effect: "allow",
      resource: { type: "controller", id: named.device },
    };
    const json =
      BODIES[route] ??
      (path.startsWith("/policies") ? { ...rule, subject: { type: "account", id: stranger.account } } : {});
    const call = { method, ...(method !== "GET" && { json }) };
    const answer = await shield(pathOf(path), { ...call, token: stranger.token });
    expect([401, 403, 404, 422]).toContain(answer.status);
    const text = await answer.text();
    for (const secret of ["Дом", "hub-1", owner.phone, owner.account, member.account])
      expect(text).not.toContain(secret);
    expect((await shield(pathOf(path), call)).status).toBe(401);
    expect(await everything()).toEqual(before);
  },
);

test("POL-1 a service of another operator moves no resource into this one's domain", async () => {
  const { id, secret } = await aClient({
    operator: `op_${stranger.client}`,
    kind: "confidential",
    scopes: ["resources"],
  });
  const before = await everything();
  const answer = await shield("/resources/door/d-foreign", {
    method: "PUT",
    basic: { user: id, password: secret },
    json: { domain: named.domain },
  });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  expect(await everything()).toEqual(before);
});
