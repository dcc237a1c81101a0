import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export const BOOTSTRAP_TOKEN = "e2e-bootstrap-token";

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  body: any;
}

interface Asking {
  method?: string;
  token?: string | undefined;
  basic?: string;
  cookie?: string | undefined;
  headers?: Record<string, string>;
}

/** One request, as an app or an operator's script makes it. A body makes it a POST; URLSearchParams go as a form. */
export async function ask(url: string, body?: unknown, asking: Asking = {}): Promise<Answer> {
  const { method, token, basic, cookie, headers } = asking;
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(url, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(body !== undefined && !isForm && { "content-type": "application/json" }),
      ...(token && { authorization: `Bearer ${token}` }),
      ...(basic && { authorization: `Basic ${Buffer.from(basic).toString("base64")}` }),
      ...(cookie && { cookie }),
      ...headers,
    },
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
    redirect: "manual",
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: /^[[{]/.test(text) ? JSON.parse(text) : text };
}

/** What an authenticator app shows for a base32 secret (RFC 6238), `steps` of 30 seconds from now. */
export function totp(secret: string, steps = 0): string {
  const bits = [...secret.replace(/=+$/, "")]
    .map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac[mac.length - 1]! & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The first superadmin of a new deployment, signed in. Returns the cookie. */
export async function firstAdmin(url: string): Promise<string> {
  const login = { login: "root", password: "correct horse battery staple" };
  const made = await ask(`${url}/ops/v1/bootstrap`, { bootstrap_secret: BOOTSTRAP_TOKEN, ...login });
  if (made.status !== 201) throw new Error(`bootstrap answered ${made.status} ${JSON.stringify(made.body)}`);
  const first = await ask(`${url}/ops/v1/auth/login`, login);
  const second = await ask(`${url}/ops/v1/auth/totp`, {
    mfa_token: first.body.mfa_token,
    code: totp(made.body.totp.secret),
  });
  if (second.status !== 204) throw new Error(`sign-in answered ${second.status} ${JSON.stringify(second.body)}`);
  return second.headers.get("set-cookie")!.split(";")[0]!;
}

/** A service behind the gateway: notes what reaches it and says so. */
export class Target {
  readonly requests: { method: string; url: string; headers: IncomingHttpHeaders }[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Target> {
    const server = createServer();
    const target = new Target(server);
    server.on("request", (request, response) => {
      target.requests.push({ method: request.method!, url: request.url!, headers: request.headers });
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ bars: ["open"] }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return target;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
