import { connect, type Socket } from "node:net";

/** One HTTP/1.1 request, ready to be written to a socket. */
export type Wire = Buffer;

/** A whole answer. Its body is read only when somebody looks at it: reading costs more than sending. */
export class Answer {
  readonly status: number;
  readonly #body: Buffer;

  constructor(status: number, body: Buffer) {
    this.status = status;
    this.#body = body;
  }

  get body(): string {
    return this.#body.toString();
  }
}

export interface Load {
  url: URL;
  /** Makes the n-th request. */
  request(n: number): Wire;
  /** Looks at its answer, and throws when it is the wrong one. */
  check(answer: Answer, n: number): void;
}

export function wire(
  method: string,
  path: string,
  { headers = {}, body = "" }: { headers?: Record<string, string>; body?: string } = {},
): Wire {
  const lines = [`${method} ${path} HTTP/1.1`, "Host: bench"];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (method !== "GET") lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

/**
 * A keep-alive connection that carries one request at a time. By hand and with a callback, because the machine
 * is shared: fetch, and even a promise for each answer, would cost more than the worker that is measured.
 */
class Connection {
  readonly #socket: Socket;
  readonly #fail: (error: Error) => void;
  #rest: Buffer | undefined;
  #done: ((answer: Answer) => void) | undefined;

  constructor({ hostname, port }: URL, ready: () => void, fail: (error: Error) => void) {
    this.#fail = fail;
    this.#socket = connect({ port: Number(port), host: hostname, noDelay: true }, ready);
    this.#socket.on("data", (chunk) => this.#read(chunk as Buffer));
    this.#socket.on("error", fail);
    this.#socket.on("close", () => this.#done && fail(new Error("the server closed the connection")));
  }

  send(request: Wire, done: (answer: Answer) => void): void {
    this.#done = done;
    this.#socket.write(request);
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    const answer = parse(bytes);
    this.#rest = answer ? undefined : bytes;
    const done = this.#done;
    if (!answer || !done) return;
    this.#done = undefined;
    try {
      done(answer);
    } catch (error) {
      this.#fail(error as Error);
    }
  }
}

const END = Buffer.from("\r\n\r\n");
const LENGTH = Buffer.from("\r\nContent-Length: ");
const CHUNKED = Buffer.from("\r\nTransfer-Encoding: chunked");
const ZERO = 48;

function parse(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf(END);
  if (end < 0) return undefined;
  const status = (bytes[9]! - ZERO) * 100 + (bytes[10]! - ZERO) * 10 + bytes[11]! - ZERO;
  const field = bytes.indexOf(LENGTH);
  if (field < 0 || field > end) {
    const chunked = bytes.indexOf(CHUNKED);
    if (chunked < 0 || chunked > end) return new Answer(status, bytes.subarray(bytes.length));
    const body = unchunked(bytes, end + 4);
    return body && new Answer(status, body);
  }
  let length = 0;
  for (let at = field + LENGTH.length; bytes[at]! >= ZERO; at++) length = length * 10 + bytes[at]! - ZERO;
  const start = end + 4;
  return bytes.length < start + length ? undefined : new Answer(status, bytes.subarray(start, start + length));
}

function unchunked(bytes: Buffer, start: number): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}

/** One request, for preparing things. */
export function ask(url: URL, request: Wire): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const connection = new Connection(url, () => connection.send(request, finish), reject);
    const finish = (answer: Answer) => {
      connection.close();
      resolve(answer);
    };
  });
}

export interface Run {
  requests: number;
  seconds: number;
}

/**
 * As many requests as so many connections can carry, each waiting for its answer before it sends the next,
 * until the time is over or `limit` requests are sent. `first` is the number of the first request.
 */
export function saturate(
  load: Load,
  {
    connections,
    seconds,
    limit = Infinity,
    first = 0,
  }: { connections: number; seconds: number; limit?: number; first?: number },
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const pool: Connection[] = [];
    let [sent, open, ready, start] = [0, connections, 0, 0];
    const stop = (error?: Error) => {
      for (const connection of pool) connection.close();
      if (error) reject(error);
      else resolve({ requests: sent, seconds: (performance.now() - start) / 1000 });
    };
    const next = (connection: Connection) => {
      if (sent >= limit || performance.now() - start >= seconds * 1000) {
        if (--open === 0) stop();
        return;
      }
      const n = first + sent++;
      connection.send(load.request(n), (answer) => {
        load.check(answer, n);
        next(connection);
      });
    };
    const begin = () => {
      if (++ready < connections) return;
      start = performance.now();
      for (const connection of pool) next(connection);
    };
    for (let n = 0; n < connections; n++) pool.push(new Connection(load.url, begin, stop));
  });
}

/**
 * A fixed number of requests in a second, whether or not the answers come: the latency of each in ms, counted from
 * the moment at which it was due, so that a stall is not hidden by requests that were never sent.
 */
export async function pace(
  load: Load,
  { perSecond, seconds, first = 0 }: { perSecond: number; seconds: number; first?: number },
): Promise<number[]> {
  const latencies: number[] = [];
  const all: Connection[] = [];
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure = error;
  };
  const opened = () =>
    new Promise<Connection>((resolve) => {
      const connection = new Connection(load.url, () => resolve(connection), fail);
      all.push(connection);
    });
  const idle = await Promise.all(Array.from({ length: 16 }, opened));
  const total = perSecond * seconds;
  const start = performance.now();
  for (let n = 0; n < total && !failure; n++) {
    const due = start + (n * 1000) / perSecond;
    await until(due);
    const connection = idle.pop() ?? (await opened());
    connection.send(load.request(first + n), (answer) => {
      latencies.push(performance.now() - due);
      idle.push(connection);
      load.check(answer, first + n);
    });
  }
  while (latencies.length < total && !failure) await until(performance.now() + 5);
  for (const connection of all) connection.close();
  if (failure) throw failure;
  return latencies;
}

// A timer is late by up to a millisecond, which is more than what is measured: the last bit is spent turning.
async function until(time: number): Promise<void> {
  const left = time - performance.now();
  if (left > 2) await new Promise((resolve) => setTimeout(resolve, left - 2));
  while (performance.now() < time) await new Promise((resolve) => setImmediate(resolve));
}
