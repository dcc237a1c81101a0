import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A stand-in for Kannel's smsbox, which takes every message and remembers the code in it; and, asked by GET, for a panel. */
export interface Kannel {
  url: string;
  /** The code that was sent to the phone, once it is here. */
  code(phone: string): Promise<string>;
  /** As far as it has come already. */
  codeNow(phone: string): string | undefined;
  stop(): void;
}

const PATIENCE_MS = 20_000;

export async function startKannel(): Promise<Kannel> {
  const codes = new Map<string, string>();
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const code = /\d{4,6}/.exec(Buffer.concat(parts).toString())?.[0];
    if (code) codes.set(String(request.headers["x-kannel-to"]).replace("+", ""), code);
    response.writeHead(request.method === "GET" ? 200 : 202).end("0: Accepted for delivery");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  async function code(phone: string): Promise<string> {
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
      const found = codes.get(phone);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no SMS came for ${phone}`);
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    code,
    codeNow: (phone) => codes.get(phone),
    stop: () => server.close().closeAllConnections(),
  };
}
