import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./ports.ts";

/** A line to a port of this machine that can be cut, without a word to either end. */
export class Line {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(
    readonly port: number,
    target: number,
  ) {
    this.#server = createServer((near) => {
      if (this.#isCut) return near.destroy();
      const far = connect(target, "127.0.0.1");
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  static async to(target: number): Promise<Line> {
    const line = new Line(await freePort(), target);
    await new Promise<void>((resolve) => line.#server.listen(line.port, "127.0.0.1", resolve));
    return line;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
