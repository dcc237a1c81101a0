import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";

/** How often an open socket is asked about, in ms: a session that ends closes it within five seconds. */
const LOOK_EVERY_MS = 4_000;

/** Close codes (RFC 6455 §7.4): the session has ended; the right is gone; nobody can say, try again later. */
const CLOSED = { session: 4401, right: 1008, unknown: 1013 } as const;

/** Joins the client's socket with the target's. Returns the client's end, and ours with it to be closed from here. */
export function joined(target: WebSocket): {
  client: WebSocket;
  end: (code: number, reason: string) => void;
  open: () => boolean;
} {
  const { 0: client, 1: server } = new WebSocketPair();
  let isOpen = true;
  server.binaryType = target.binaryType = "arraybuffer";
  server.accept();
  target.accept();
  const end = (code: number, reason: string) => {
    if (!isOpen) return;
    isOpen = false;
    for (const socket of [server, target]) close(socket, code, reason);
  };
  for (const [from, to] of [
    [server, target],
    [target, server],
  ] as const) {
    from.addEventListener("message", ({ data }) => {
      if (isOpen) to.send(data as string | ArrayBuffer);
    });
    from.addEventListener("close", ({ code, reason }) => end(code, reason));
    from.addEventListener("error", () => end(1011, "connection lost"));
  }
  return { client, end, open: () => isOpen };
}

// 1005, 1006 and 1015 tell that no code came, and must not be sent themselves.
function close(socket: WebSocket, code: number, reason: string): void {
  try {
    if (code === 1005 || code === 1006 || code === 1015) socket.close();
    else socket.close(code, reason);
  } catch (error) {
    logError("socket not closed", error);
  }
}

/** Asks again and again while the socket is open, and closes it as soon as `check` throws. */
export function watch(
  { end, open }: Pick<ReturnType<typeof joined>, "end" | "open">,
  check: () => Promise<unknown>,
): void {
  let isAsking = false;
  const timer = setInterval(async () => {
    if (!open()) return clearInterval(timer);
    if (isAsking) return;
    isAsking = true;
    await check().catch((error: unknown) => {
      clearInterval(timer);
      const [code, reason] = verdictOf(error);
      end(code, reason);
    });
    isAsking = false;
  }, LOOK_EVERY_MS);
}

function verdictOf(error: unknown): [code: number, reason: string] {
  if (!(error instanceof AppError) || error.status >= 500) return [CLOSED.unknown, "maintenance"];
  return [error.status === 401 ? CLOSED.session : CLOSED.right, error.reason];
}
