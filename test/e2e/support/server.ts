import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { eventually } from "./eventually.ts";
import { freePort } from "./ports.ts";
import { Program } from "./processes.ts";

export const INTEGRATION_TOKEN = "e2e-integration-token";
export const KANNEL_HOOK_SECRET = "e2e-kannel-hook-secret";

/** The settings that all the tests share: what `npm start` would otherwise have made at random. */
const VARS = { INTEGRATION_TOKEN, KANNEL_HOOK_SECRET };

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  data: any;
}

/**
 * The product as `npm start` starts it, with its state in `<directory>/state`. A second `start` with the same
 * directory goes on where the first one stopped.
 */
export class Yardgate {
  readonly #state: string;
  readonly #directory: string;
  readonly #vars: () => Record<string, string>;
  #program: Program | undefined;

  private constructor(
    readonly port: number,
    directory: string,
    vars: () => Record<string, string>,
  ) {
    this.#directory = directory;
    this.#state = join(directory, "state");
    this.#vars = vars;
  }

  /** `vars` are read at each start: the address of Kannel is known only after ours is. */
  static async prepare(directory: string, vars: () => Record<string, string> = () => ({})): Promise<Yardgate> {
    return new Yardgate(await freePort(), directory, vars);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Returns what was printed at this start, once the help is there. */
  async start(): Promise<string> {
    const before = this.#program ? this.output().length : 0;
    const vars = Object.entries({ ...VARS, ...this.#vars() }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    const args = ["scripts/start.mjs", "--port", String(this.port), "--persist-to", this.#state, ...vars];
    const program = new Program("yardgate", process.execPath, args, { directory: this.#directory, environment });
    this.#program = program;
    const printed = () => {
      const output = this.output().slice(before);
      if (program.hasEnded) throw new Error(`npm start ended: ${output}`);
      return output.includes("End with ^C") && output;
    };
    return eventually("npm start", printed, { withinMs: 100_000 });
  }

  /** Everything it has printed so far, over all its starts. */
  output(): string {
    return this.#program?.output() ?? "";
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
  }

  /** kill -9 of all its processes. */
  async crash(): Promise<void> {
    await this.#program?.crash();
  }

  /** What Cloudflare does every minute. */
  async cron(): Promise<void> {
    await fetch(`${this.url}/cdn-cgi/local/scheduled`);
  }

  /** One call of the resident's app. `data` is the envelope's. */
  async api(path: string, body: unknown = {}, token?: string): Promise<Answer> {
    const { status, json } = await this.#post(`/api/${path}`, body, token);
    return { status, data: json?.data };
  }

  /** One call of the operator's billing, which must succeed. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  async billing(path: string, body: unknown = {}): Promise<any> {
    const { status, json } = await this.#post(`/bill/api/${path}/`, body, INTEGRATION_TOKEN);
    if (status !== 200) throw new Error(`/bill/api/${path}/ answered ${status}`);
    return json;
  }

  /** Rows of the local D1, read beside the running Worker. */
  rows(sql: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    const database = new DatabaseSync(this.#databaseFile(), { readOnly: true });
    try {
      return database.prepare(sql).all(...values);
    } finally {
      database.close();
    }
  }

  #databaseFile(): string {
    const directory = join(this.#state, "v3/d1/miniflare-D1DatabaseObject");
    const files = existsSync(directory) ? readdirSync(directory) : [];
    const file = files.find((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
    if (!file) throw new Error(`No database in ${directory}`);
    return join(directory, file);
  }

  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  async #post(path: string, body: unknown, token?: string): Promise<{ status: number; json: any }> {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, json: text.startsWith("{") ? JSON.parse(text) : undefined };
  }
}

// Vitest's own variables would change what wrangler believes about where it runs.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(VITEST|VITE_|NODE_ENV|TEST$|DEV$|PROD$|SSR$|MODE$)/.test(name)),
);
