import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import { app } from "#app.ts";
import type { Env } from "#env.ts";
import { mintViewerToken, type StreamRight } from "#premises/camera-tokens.ts";
import { publishRevocations } from "#premises/revocations.ts";

/** A worker of its own: nothing in memory, the same storage. */
export const aWorker = (over: Partial<Env> = {}): Env => ({ ...env, ...over });

let uid = 80_000;

/** A resident with an own session and an own contract. */
export function aViewer({ streams = [], ...over }: { streams?: StreamRight[]; account?: number } = {}) {
  const audience = {
    account: 17,
    accountId: "a17",
    session: crypto.randomUUID(),
    contracts: [++uid],
    streams,
    ...over,
  };
  return {
    ...audience,
    token: (worker: Env = env, issuedAt = new Date()) => mintViewerToken(worker, audience, { issuedAt }),
  };
}

export interface Told {
  status: number;
  body: string;
  message: unknown;
  headers: Record<string, string>;
}

/** One call of a media server. */
export async function call(path: string, init: RequestInit = {}, worker: Env = env): Promise<Told> {
  const context = createExecutionContext();
  const response = await app.request(path, init, worker, context);
  const body = await response.text();
  await waitOnExecutionContext(context);
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== "content-length"));
  return {
    status: response.status,
    body,
    headers,
    message: body.startsWith('{"code"') ? JSON.parse(body).message : undefined,
  };
}

type Query = Record<string, string | number | boolean>;

/** Flussonic asks before it plays. */
export const play = (query: Query, worker?: Env) =>
  call(`/api/accessfl?${new URLSearchParams(query as Record<string, string>)}`, {}, worker);

/** Flussonic's on_publish, and its on_play where that is a POST. */
export const post = (body: unknown, worker?: Env) =>
  call("/api/accessfl", { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }, worker);

export async function anEndedSession(id: string, endedAt = new Date()): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO sessions (operator, id, subject_id, token_hash, acr, created_at, last_seen_at, expires_at, ended_at)
     VALUES ('main', ?1, 'a', ?1, 'low', 0, 0, 9e12, ?2)`,
  )
    .bind(id, endedAt.getTime())
    .run();
  await publishRevocations(env);
}
