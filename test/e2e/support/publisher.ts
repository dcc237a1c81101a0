import { createServer, type Server, type ServerResponse } from "node:http";
import { freePort } from "./ports.ts";

/** One hand-over as it came in. */
export interface HandOver {
  id: string;
  contentType: string;
  authorization: string;
  body: string;
}

/** What stands behind the gateway: it sends each SMS on once, by its id, and says 200 when it did. */
export class Publisher {
  /** All that came in, repetitions too. */
  readonly asked: HandOver[] = [];
  readonly #published = new Map<string, HandOver>();
  readonly #held: ServerResponse[] = [];
  readonly #server: Server;
  #isHolding = false;

  private constructor(readonly port: number) {
    this.#server = createServer(async (request, response) => {
      if (request.method !== "POST" || request.url !== "/publish") return response.writeHead(404).end();
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const { "content-type": contentType = "", authorization = "", "idempotency-key": id } = request.headers;
      this.#take({ id: String(id), contentType, authorization, body: Buffer.concat(parts).toString() });
      if (this.#isHolding) this.#held.push(response);
      else response.end();
    });
  }

  static async start(): Promise<Publisher> {
    const publisher = new Publisher(await freePort());
    await new Promise<void>((resolve) => publisher.#server.listen(publisher.port, "127.0.0.1", resolve));
    return publisher;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What was sent on, each id once. */
  get published(): HandOver[] {
    return [...this.#published.values()];
  }

  /** From now on it does what it is asked, and leaves who asks without an answer. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Answers again; those who have waited are cut off. */
  release(): void {
    this.#isHolding = false;
    for (const response of this.#held.splice(0)) response.destroy();
  }

  stop(): void {
    this.release();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(handOver: HandOver): void {
    this.asked.push(handOver);
    if (!this.#published.has(handOver.id)) this.#published.set(handOver.id, handOver);
  }
}
