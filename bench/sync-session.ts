import { addressOf } from "./world.ts";

/** One websocket of a sync session, and when what came over it. */
export interface Watched {
  session: string;
  socket: WebSocket;
  /** ms, by the clock of `performance.now()`. */
  askedAt: number;
  openedAt: number;
  frames: { at: number; text: string }[];
  /** The code that it was closed with. */
  closed: number | undefined;
}

/** `n` tells which of many phones asks: each has an address of its own. */
export const phoneHeaders = (n: number) => ({ "CF-Connecting-IP": addressOf(n) });

/** A new session of this user, as a page asks for it. Returns the path of its websocket. */
export async function newSession(url: URL, user: string): Promise<string> {
  const answer = await fetch(new URL(`/v2/sync/users/${user}`, url));
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`a sync was answered ${answer.status}: ${text}`);
  return new URL(text).pathname;
}

/** Opens the websocket and looks on. */
export async function watch(url: URL, path: string): Promise<Watched> {
  const socket = new WebSocket(`ws://${url.host}${path}`);
  const session = path.split("/").at(-1)!;
  const watched: Watched = {
    ...{ session, socket, askedAt: performance.now(), openedAt: Number.NaN, frames: [], closed: undefined },
  };
  socket.addEventListener("message", ({ data }) => watched.frames.push({ at: performance.now(), text: String(data) }));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => {
      watched.openedAt = performance.now();
      resolve();
    });
    socket.addEventListener("close", ({ code }) => {
      watched.closed = code;
      reject(new Error(`a socket did not open: ${code}`));
    });
  });
  return watched;
}

/** Until it is true; false when that takes longer. */
export async function comes(isTrue: () => boolean, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!isTrue() && performance.now() < deadline) await sleep(50);
  return isTrue();
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
