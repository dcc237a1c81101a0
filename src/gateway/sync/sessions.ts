import { type Env, type Settings, settings } from "#env.ts";
import { joined } from "#identity/gateway/sockets.ts";
import { AppError } from "#platform/errors.ts";
import { ownOrigin } from "../own-url.ts";
import { isFirstId, isSessionId, mintSessionId, prefixOf } from "./session-ids.ts";
import type { Refusal } from "./session-rules.ts";
import type { SyncSession, Touch } from "./sync-session.ts";

/** A session as a path names it: both are what the client says. */
export interface Named {
  user: string;
  session: string;
}

export interface Found {
  object: DurableObjectStub<SyncSession>;
  touch: Touch;
}

const UNKNOWN = { code: 1008, reason: "unknown session" };

/** The URL of a websocket for a new session of this user, whom nobody need know yet. Stores nothing and asks nobody. */
export function syncUrl(env: Env, user: string): string {
  const { origin, path } = demandUser(env, user, "socket");
  return `${origin}/v2/sync/init/${path}/${mintSessionId(env, user)}`;
}

/**
 * Opens the websocket of this session, or of one that is made for it. A session that is not there is told over the socket, because a browser does
 * not show its page the status of an upgrade. Throws AppError `not_found` for what cannot be a user.
 */
export async function joinSession(env: Env, { user, session }: { user: string; session?: string }): Promise<Response> {
  demandUser(env, user);
  const named = { user, session: session ?? mintSessionId(env, user) };
  const found = sessionOf(env, named);
  if (!found) return refusedSocket(UNKNOWN);
  const url = `https://session.invalid/?${new URLSearchParams({ touch: JSON.stringify(found.touch) })}`;
  const answer = await found.object.fetch(url, { headers: { upgrade: "websocket" } });
  if (!answer.webSocket) return refusedSocket(await answer.json<Refusal["refused"]>());
  return settings(env).ENVIRONMENT === "development" ? relayed(answer.webSocket) : answer;
}

// The local runtime keeps the connection of a closed hibernating socket until its object is evicted, ten seconds later, and clients such as
// Node wait for that before they say that it is closed. A relay ends it at once; in production it would keep this isolate busy for nothing.
function relayed(socket: WebSocket): Response {
  return new Response(null, { status: 101, webSocket: joined(socket).client });
}

/** The object of the session, and what it needs to know of this call; undefined for what cannot be a session's id. */
export function sessionOf(env: Env, { user, session }: Named): Found | undefined {
  const { path } = demandUser(env, user);
  if (!isSessionId(session)) return undefined;
  const config = settings(env);
  const urlsFor = (kind: "http" | "app") => `${ownOrigin(config, kind)}/v2/sync/users/${path}/sessions/`;
  const touch: Touch = {
    id: session,
    isFirst: isFirstId(env, user, session),
    rhythm: rhythmOf(config),
    urls: { qr: urlsFor("http"), mobile: urlsFor("app") },
  };
  return { object: env.SYNC_SESSIONS.getByName(`${config.OPERATOR}:${user}:${prefixOf(session)}`), touch };
}

const rhythmOf = ({ SESSION_CHANGE_LIMIT, SESSION_SLEEP_TIMEOUT, SESSION_PAUSED_TIMEOUT }: Settings) => ({
  changes: SESSION_CHANGE_LIMIT,
  sleepMs: SESSION_SLEEP_TIMEOUT * 1000,
  pauseMs: SESSION_PAUSED_TIMEOUT * 1000,
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const USER = /^(?!\.{1,2}$)[^/\u0000-\u001f\u007f]{1,128}$/;

/** Throws AppError `not_found` for what cannot be a user's id, `unavailable` where the gateway is not in use. */
function demandUser(env: Env, user: string, kind: "http" | "socket" = "http"): { origin: string; path: string } {
  const config = settings(env);
  if (!config.GATEWAY_PRIVATE_KEY) throw new AppError("unavailable", "");
  if (!USER.test(user) || !user.isWellFormed()) throw new AppError("not_found", "");
  return { origin: ownOrigin(config, kind), path: encodeURIComponent(user) };
}

function refusedSocket({ code, reason }: Refusal["refused"] | typeof UNKNOWN): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(code, reason);
  return new Response(null, { status: 101, webSocket: client });
}
