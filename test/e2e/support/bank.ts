import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { FakeBank } from "../../support/bank.ts";

/** The stand-in of both banks behind a port of its own, as Sberbank and YooKassa are behind theirs. */
export class BankServer {
  readonly bank = new FakeBank();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((incoming, outgoing) => {
      void requestFrom(incoming)
        .then(this.bank.answer)
        .then(async (response) => {
          outgoing.writeHead(response.status, Object.fromEntries(response.headers));
          outgoing.end(Buffer.from(await response.arrayBuffer()));
        });
    });
  }

  static async start(): Promise<BankServer> {
    const server = new BankServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function requestFrom(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const { method = "GET", url } = incoming;
  const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
  return new Request(`http://bank.test${url}`, { method, headers, ...body });
}
