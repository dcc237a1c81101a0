import { AppError } from "#platform/errors.ts";

/** What a token endpoint gave. */
export interface Granted {
  token: string;
  lifeSeconds: number;
}

/** A token this near to its end is not used any more, in ms: the call that carries it has to arrive. */
const MARGIN_MS = 60_000;
/** Nobody waits longer for another request's exchange: it may have been cut off. */
const LONGEST_EXCHANGE_MS = 6_000;
/** After a failure the endpoint is left alone for a moment, so that a batch does not ask it once for each message. */
const REST_MS = 2_000;
const LOOK_EVERY_MS = 20;

/**
 * An access token for as long as it lives, in this isolate. Only values are shared: a promise of one request must not be awaited
 * by another, so whoever comes while somebody asks looks again until the token is there.
 */
export class KeptToken {
  #kept: { name: string; token: string; until: number } | undefined;
  #askingSince: number | undefined;
  #failed: { name: string; at: number; message: string; reason: string } | undefined;

  /** The token of the credentials that `name` stands for. Throws AppError `unavailable` when the endpoint gives none. */
  async get(name: string, ask: () => Promise<Granted>): Promise<string> {
    for (;;) {
      const now = Date.now();
      if (this.#kept?.name === name && now < this.#kept.until) return this.#kept.token;
      if (this.#failed?.name === name && now - this.#failed.at < REST_MS) throw failure(this.#failed);
      if (this.#askingSince === undefined || now - this.#askingSince > LONGEST_EXCHANGE_MS) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return this.#ask(name, ask);
  }

  /** The service did not take this token: the next caller gets a new one. */
  drop(token: string): void {
    if (this.#kept?.token === token) this.#kept = undefined;
  }

  async #ask(name: string, ask: () => Promise<Granted>): Promise<string> {
    this.#askingSince = Date.now();
    try {
      const { token, lifeSeconds } = await ask();
      this.#kept = { name, token, until: Date.now() + lifeSeconds * 1000 - MARGIN_MS };
      return token;
    } catch (error) {
      const { message, reason } = error instanceof AppError ? error : NO_TOKEN;
      this.#failed = { name, at: Date.now(), message, reason };
      throw failure(this.#failed, error);
    } finally {
      this.#askingSince = undefined;
    }
  }
}

const NO_TOKEN = { message: "No token could be made", reason: "bad_credentials" };

const failure = ({ message, reason }: { message: string; reason: string }, cause?: unknown) =>
  new AppError("unavailable", message, { reason, cause });
