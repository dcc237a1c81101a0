import { createServer, type Server } from "node:http";
import { freePort } from "./ports.ts";

/**
 * Stands between Kannel and the Worker: brings every request there, and loses the first answer to each of them. Who asked hears 503, and
 * asks again.
 */
export class LossyLine {
  /** What was asked, repetitions too: path and query. */
  readonly asked: string[] = [];
  readonly #server: Server;
  /** Where the Worker is. */
  target = "";

  private constructor(readonly port: number) {
    this.#server = createServer(async (request, response) => {
      const url = request.url!;
      const isFirst = !this.asked.includes(url);
      this.asked.push(url);
      const { status } = await fetch(this.target + url).catch(() => ({ status: 502 }));
      response.writeHead(isFirst ? 503 : status).end();
    });
  }

  static async start(): Promise<LossyLine> {
    const line = new LossyLine(await freePort());
    await new Promise<void>((resolve) => line.#server.listen(line.port, "127.0.0.1", resolve));
    return line;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
