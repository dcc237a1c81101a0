import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { shieldChores } from "#identity/chores.ts";
import { endDisabledClients } from "#identity/clients/disabling.ts";
import { validate } from "#identity/tokens/validate.ts";
import { anAdmin, ops } from "../support/ops.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

const EDGE = { kinds: ["account"], freshness: "edge" } as const;

/** Another place, whose copy of a session in KV is from before it ended. */
const far = () =>
  envWith({
    TOKENS: {
      ...{ put: env.TOKENS.put.bind(env.TOKENS) },
      get: async (key: string, options: never) => {
        const found = await env.TOKENS.get<object>(key, options);
        return found && "ended" in found ? { ...remembered.get(key) } : found;
      },
    },
  });
const remembered = new Map<string, object>();

/** Somebody whom the edge knows. */
async function signedIn(client: string) {
  const person = await aPerson({ client });
  const works: (() => Promise<unknown>)[] = [];
  await validate(env, person.token, EDGE, (work) => works.push(work));
  for (const work of works) await work();
  const { sha256 } = await import("#platform/crypto.ts");
  const key = `session:${sha256(person.tokens.session_id)}`;
  remembered.set(key, (await env.TOKENS.get<object>(key, "json"))!);
  return person;
}

const edge = (person: { token: string }) => validate(far(), person.token, EDGE, () => {});
const living = (client: string) =>
  env.DB.prepare("SELECT count(*) AS n FROM sessions WHERE client_id = ? AND ended_at IS NULL").bind(client).first("n");

test("TOK-10 whoever is signed in with a client that is switched off is out, at the edge too, and not back in when it is switched on", async () => {
  const { cookie } = await anAdmin();
  const { id } = await aClient();
  const person = await signedIn(id);
  const other = await signedIn((await aClient()).id);
  expect(await edge(person)).toMatchObject({ id: person.account });

  const patch = (status: string) =>
    ops(`/clients/${id}`, { cookie, method: "PATCH", json: { status }, headers: { "if-match": "*" } });
  expect((await patch("disabled")).status).toBe(200);
  await expect(edge(person)).rejects.toMatchObject({ reason: "session_revoked" });
  expect((await shield("/sessions", { token: person.token })).status).toBe(401);
  expect(await edge(other)).toMatchObject({ id: other.account });
  expect(await living(id)).toBe(0);

  expect((await patch("active")).status).toBe(200);
  const form = { grant_type: "refresh_token", refresh_token: person.tokens.refresh_token!, client_id: id };
  expect((await shield("/oauth/token", { form })).status).toBe(400);
  expect(await edge(await signedIn(id))).toHaveProperty("session");
  const rows = await env.DB.prepare("SELECT action FROM audit_log WHERE target_id = ? ORDER BY n").bind(id).all();
  expect(rows.results.map(({ action }) => action)).toEqual(["client.updated", "sessions.ended", "client.updated"]);
});

test("TOK-10 what could not be ended or told at once is by the next minute's round", async () => {
  const { cookie } = await anAdmin();
  const { id } = await aClient();
  const person = await signedIn(id);
  await env.DB.prepare("UPDATE clients SET status = 'disabled' WHERE id = ?").bind(id).run();
  expect(await edge(person)).toMatchObject({ id: person.account });
  await shieldChores(env);
  await expect(edge(person)).rejects.toMatchObject({ reason: "session_revoked" });
  expect(await living(id)).toBe(0);
  const before = vi.spyOn(env.TOKENS, "put");
  await endDisabledClients(env);
  expect(before).not.toHaveBeenCalled();
  expect((await ops(`/clients/${id}`, { cookie, method: "DELETE", json: {} })).status).toBe(204);
});
