import { createServer, type IncomingMessage, type Server } from "node:http";
import { exportPKCS8, generateKeyPair, jwtVerify } from "jose";

const EMAIL = "push@yard-e2e.iam.gserviceaccount.example";
const PROJECT = "yard-e2e";
const SCOPE = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** A push as Firebase has taken it. */
export interface Taken {
  token: string;
  data: Record<string, string>;
  android?: { priority: string; ttl: string };
  apns?: { headers: Record<string, string>; payload: { aps: Record<string, unknown> } };
}

/**
 * Google's token endpoint and Firebase's HTTP v1 in one process: the assertion is checked against the account's public key,
 * a push passes only with a token that was given out here, and to an app that was removed the answer is UNREGISTERED.
 */
export class Google {
  readonly taken: Taken[] = [];
  /** Why an assertion or a push was not taken, apart from removed apps. */
  readonly refusals: string[] = [];
  readonly removed = new Set<string>();
  tokensGiven = 0;

  private constructor(
    readonly port: number,
    readonly serviceAccount: string,
    private readonly publicKey: CryptoKey,
    private readonly server: Server,
  ) {}

  static async start(): Promise<Google> {
    const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
    const account = { type: "service_account", project_id: PROJECT, client_email: EMAIL, private_key_id: "e2e-key" };
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const json = JSON.stringify({ ...account, private_key: await exportPKCS8(privateKey) });
    const google = new Google(port, json, publicKey, server);
    server.on("request", async (request, response) => {
      const { status, answer } = await google.#answer(request).catch((error: unknown) => refuse(400, String(error)));
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
    return google;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get tokenUrl(): string {
    return `${this.url}/token`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; answer: object }> {
    const body = await textOf(request);
    const reply = request.url === "/token" ? await this.#grant(body) : this.#push(request, body);
    if ("refused" in reply.answer) this.refusals.push(JSON.stringify(reply.answer));
    return reply;
  }

  async #grant(body: string) {
    const form = new URLSearchParams(body);
    if (form.get("grant_type") !== GRANT) return refuse(400, "unsupported_grant_type");
    const expected = { issuer: EMAIL, audience: this.tokenUrl, algorithms: ["RS256"], requiredClaims: ["iat", "exp"] };
    const { payload } = await jwtVerify(form.get("assertion") ?? "", this.publicKey, expected);
    if (payload.scope !== SCOPE || payload.exp! - payload.iat! > 3_600) return refuse(400, "invalid_scope");
    this.tokensGiven += 1;
    const answer = { access_token: `e2e-token-${this.tokensGiven}`, expires_in: 3_599, token_type: "Bearer" };
    return { status: 200, answer };
  }

  #push(request: IncomingMessage, body: string) {
    if (request.url !== `/v1/projects/${PROJECT}/messages:send`) return refuse(404, "NOT_FOUND");
    const bearer = /^Bearer e2e-token-(\d+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (!bearer || Number(bearer) > this.tokensGiven) return refuse(401, "UNAUTHENTICATED");
    const { message } = JSON.parse(body) as { message: Taken };
    const isText = Object.values(message.data).every((value) => typeof value === "string");
    if (!isText) return refuse(400, "INVALID_ARGUMENT");
    if (this.removed.has(message.token)) return { status: 404, answer: unregistered };
    this.taken.push(message);
    return { status: 200, answer: { name: `projects/${PROJECT}/messages/${this.taken.length}` } };
  }
}

const unregistered = {
  error: {
    ...{ code: 404, message: "Requested entity was not found.", status: "NOT_FOUND" },
    details: [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode: "UNREGISTERED" }],
  },
};

const refuse = (status: number, refused: string) => ({
  status,
  answer: { refused, error: { code: status, status: refused, message: refused } },
});

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
