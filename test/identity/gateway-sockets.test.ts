import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { updateRoute } from "#identity/gateway/routes-admin.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { endSession } from "#identity/sessions/sessions.ts";
import { aDoorFor, aRoute } from "../support/gateway.ts";
import { aPerson, type Signed } from "../support/shield.ts";
import { call, outside } from "../support/world.ts";

interface Conversation {
  client: WebSocket;
  target: WebSocket;
  heard: { client: unknown[]; target: unknown[] };
  /** Codes of the closes that each side saw. */
  closed: { client: number[]; target: number[] };
}

/** Opens a socket through the gateway to a target that agrees. */
async function connected(at: string, token: string | undefined, path = "/live"): Promise<Conversation> {
  const ends = new WebSocketPair();
  const target = ends[1];
  const world = outside(
    () => new Response(null, { status: 101, webSocket: ends[0], headers: { "sec-websocket-protocol": "v2" } }),
  );
  const response = await call(at + path, {
    headers: {
      ...{ upgrade: "websocket", connection: "Upgrade", "sec-websocket-protocol": "v1, v2" },
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  });
  expect([response.status, response.headers.get("sec-websocket-protocol")]).toEqual([101, "v2"]);
  expect(world.asked[0]!.headers.get("upgrade")).toBe("websocket");
  const client = response.webSocket!;
  const talk: Conversation = { client, target, heard: { client: [], target: [] }, closed: { client: [], target: [] } };
  for (const side of ["client", "target"] as const) {
    talk[side].binaryType = "arraybuffer";
    talk[side].addEventListener("message", ({ data }) => void talk.heard[side].push(data));
    talk[side].addEventListener("close", ({ code }) => void talk.closed[side].push(code));
    talk[side].accept();
  }
  return talk;
}

const endOf = ({ account, tokens }: Signed) =>
  endSession(env, "main", { subject: account, id: tokens.session_id!, reason: "logout" }, SYSTEM);

test("GW-15 a socket passes both ways, text and bytes, and closes with the code of whoever closed it", async () => {
  const { token } = await aPerson();
  const { at } = await aRoute();
  const { client, target, heard, closed } = await connected(at, token);
  client.send("hello");
  client.send(new Uint8Array([1, 2]));
  target.send("and back");
  await vi.waitFor(() => expect([heard.target.length, heard.client.length]).toEqual([2, 1]));
  expect(heard).toEqual({ client: ["and back"], target: ["hello", new Uint8Array([1, 2]).buffer] });
  target.close(4123, "enough");
  await vi.waitFor(() => expect(closed.client).toEqual([4123]));
});

test("GW-15 a socket is checked as every request is", async () => {
  const world = outside();
  const { token } = await aPerson();
  const upgrade = { upgrade: "websocket", connection: "Upgrade" };
  const { at } = await aRoute({ scopes: ["doors"] });
  expect((await call(`${at}/live`, { headers: upgrade })).status).toBe(401);
  expect((await call(`${at}/live`, { headers: { ...upgrade, authorization: `Bearer ${token}` } })).status).toBe(403);
  expect((await call(`${at}/live?access_token=${token}`, { headers: upgrade })).status).toBe(401);
  expect(world.asked).toHaveLength(0);
});

test("GW-15 a target that does not want a socket says so itself", async () => {
  outside(() => new Response("no socket here", { status: 426 }));
  const { token } = await aPerson();
  const { at } = await aRoute();
  const response = await call(`${at}/live`, { headers: { upgrade: "websocket", authorization: `Bearer ${token}` } });
  expect([response.status, await response.text()]).toEqual([426, "no socket here"]);
});

test("GW-15 within five seconds of the end of its session, its right or its route a socket is closed, and no sooner", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const [signedOut, withdrawn, rerouted, kept] = await Promise.all([aPerson(), aPerson(), aPerson(), aPerson()]);
    const { at } = await aRoute();
    const rights = await aDoorFor(withdrawn.account);
    const guarded = await aRoute({ policy: { action: "open", resource: "door:{params.id}" }, below: "/{id}" });
    const other = await aRoute();
    const sockets = {
      signedOut: await connected(at, signedOut.token),
      withdrawn: await connected(guarded.at, withdrawn.token, `/${rights.door}`),
      rerouted: await connected(other.at, rerouted.token),
      kept: await connected(at, kept.token),
    };
    await vi.advanceTimersByTimeAsync(60_000);
    for (const { client, heard, target } of Object.values(sockets)) {
      target.send("still here");
      await vi.waitFor(() => expect(heard.client).toEqual(["still here"]));
      expect(client.readyState).toBe(WebSocket.OPEN);
    }

    await endOf(signedOut);
    await rights.withdraw();
    await updateRoute(env, "main", { id: other.id }, { timeout_ms: 5_000 }, SYSTEM);
    await vi.advanceTimersByTimeAsync(4_999);
    await vi.waitFor(() => {
      expect(sockets.signedOut.closed).toEqual({ client: [4401], target: [4401] });
      expect(sockets.withdrawn.closed).toEqual({ client: [1008], target: [1008] });
      expect(sockets.rerouted.closed).toEqual({ client: [1008], target: [1008] });
    });
    expect(sockets.kept.closed.client).toEqual([]);
    await endOf(kept);
    await vi.advanceTimersByTimeAsync(4_999);
    await vi.waitFor(() => expect(sockets.kept.closed.client).toEqual([4401]));
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
