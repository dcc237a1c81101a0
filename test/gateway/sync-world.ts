import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, onTestFinished, vi } from "vitest";
import type { Env } from "#env.ts";
import { type Digests, rsaOpen, rsaSeal } from "#gateway/crypto/oaep.ts";
import { mintSessionId } from "#gateway/sync/session-ids.ts";
import type { Session } from "#gateway/sync/session-rules.ts";
import { randomId } from "#platform/crypto.ts";
import { call, envWith } from "../support/world.ts";
import vectors from "./vectors.json";

export const CLIENT_PEM = vectors.keys.client_public_android_pem;
/** A key that is not the client's. */
export const OTHER_PEM = vectors.keys.server_public_spki_pem;
export const OUR_PEM = vectors.keys.server_public_spki_pem.trimEnd();

/** A user of whom nobody need know. */
export const aUser = () => `user-${randomId()}`;
export const firstId = (user: string) => mintSessionId(env, user);
export const objectOf = (user: string, id: string) => env.SYNC_SESSIONS.getByName(`main:${user}:${id.slice(0, 16)}`);

/** The page's end of a websocket, and what came over it. */
export interface Page {
  socket: WebSocket;
  got: string[];
  closed: { code: number; reason: string } | undefined;
}

/** As in production, without the relay of development. */
const inProduction = envWith({ ENVIRONMENT: "production" });

export async function openSocket(path: string, environment: Env = inProduction): Promise<Page> {
  const { status, webSocket: socket } = await call(path, { headers: { upgrade: "websocket" } }, environment);
  expect(status).toBe(101);
  const page: Page = { socket: socket!, got: [], closed: undefined };
  socket!.addEventListener("message", ({ data }) => {
    page.got.push(String(data));
  });
  socket!.addEventListener("close", ({ code, reason }) => {
    page.closed = { code, reason };
  });
  socket!.accept();
  onTestFinished(() => socket!.close());
  return page;
}

export const openSession = (user: string, id: string, environment?: Env) =>
  openSocket(`/v2/sync/init/${user}/${id}`, environment);

/** The session that the page shows. */
export const shown = (page: Page) => /sessions\/([\da-f]{32})\/handshake/.exec(page.got.at(-1)!)![1]!;
export const gets = (page: Page, count: number) => vi.waitFor(() => expect(page.got).toHaveLength(count));
export const isClosed = (page: Page, code: number, reason = "") =>
  vi.waitFor(() => expect(page.closed).toEqual({ code, reason }));

/** Lets time pass for one session: everything it has planned is so much nearer. */
export const passes = (user: string, id: string, seconds: number) =>
  runInDurableObject(objectOf(user, id), (_, { storage }) => {
    const session = storage.kv.get<Session>("session")!;
    const { nextAt, away, previous, settled } = session;
    const ms = seconds * 1000;
    storage.kv.put("session", {
      ...session,
      nextAt: nextAt - ms,
      ...(away && { away: { since: away.since - ms, until: away.until - ms } }),
      ...(previous && { previous: { ...previous, until: previous.until - ms } }),
      ...(settled && { settled: { ...settled, until: settled.until - ms } }),
    });
  });

/** The same, and the alarm rings. */
export async function later(user: string, id: string, seconds: number) {
  await passes(user, id, seconds);
  await runDurableObjectAlarm(objectOf(user, id));
}

const JSON_TYPE = { "content-type": "application/json" };

export const post = (
  path: string,
  body: unknown,
  { headers = JSON_TYPE, env: environment = env }: { headers?: Record<string, string>; env?: Env } = {},
) => call(path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) }, environment);

export const sessionPath = (user: string, id: string) => `/v2/sync/users/${user}/sessions/${id}`;
export const shake = (user: string, id: string, pem = CLIENT_PEM) =>
  post(`${sessionPath(user, id)}/handshake`, { public_key: pem });

const USUAL: Digests = { label: "sha256", mgf1: "sha1" };

/** A password as an app encrypts it to us, and a key as it opens it. */
export const encrypted = (password: string, digests: Digests = USUAL) =>
  rsaSeal(createPublicKey(OUR_PEM), password, digests);
export const opened = (sharedKey: string, digests: Digests = USUAL) =>
  rsaOpen(createPrivateKey(vectors.keys.client_private_pkcs8_pem), sharedKey, digests);
