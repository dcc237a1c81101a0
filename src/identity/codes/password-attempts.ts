import { DurableObject } from "cloudflare:workers";
import type { Env } from "#env.ts";
import type { Limits } from "#platform/limits.ts";
import {
  type AttemptState,
  type AttemptVerdict,
  emptyAttempts,
  mayTry,
  noteSuccess,
  noteTry,
  pruneAttempts,
  takeBack,
} from "./attempt-rules.ts";

/**
 * One object per login of an operator, whether or not anybody has it: passwords are tried no more often by asking from many
 * places at once. What is counted here never closes the way in by SMS, or a stranger could lock the owner out.
 */
export class PasswordAttempts extends DurableObject<Env> {
  /** Takes one try, or says how many seconds to wait. Taken before the hash is made, given back by `succeeded`. */
  take(network: string, limits: Limits, now = Date.now()): AttemptVerdict {
    const state = this.#read();
    const verdict = mayTry(state, network, limits, now);
    if (verdict.allowed) this.#write(noteTry(state, network, limits, now), now);
    return verdict;
  }

  /** The try that was taken at that time was right. */
  succeeded(network: string, at: number): void {
    this.#write(noteSuccess(this.#read(), network, at), at);
  }

  /** The try that was taken at that time was not made: something else refused it. */
  giveBack(network: string, limits: Limits, at: number): void {
    this.#write(takeBack(this.#read(), network, limits, at), at);
  }

  /** There is a new password, or Operations lifts what was counted. */
  unlock(): void {
    this.ctx.waitUntil(this.ctx.storage.deleteAll());
  }

  override async alarm(): Promise<void> {
    const kept = pruneAttempts(this.#read(), Date.now());
    if (!kept) return this.ctx.storage.deleteAll();
    this.ctx.storage.kv.put("state", kept.state);
    await this.ctx.storage.setAlarm(Math.max(kept.wakeAt, Date.now() + 1000));
  }

  #read(): AttemptState {
    return this.ctx.storage.kv.get<AttemptState>("state") ?? emptyAttempts();
  }

  #write(state: AttemptState, now: number): void {
    const kept = pruneAttempts(state, now);
    if (!kept) return void this.ctx.waitUntil(this.ctx.storage.deleteAll());
    this.ctx.storage.kv.put("state", kept.state);
    this.ctx.waitUntil(this.ctx.storage.setAlarm(kept.wakeAt));
  }
}
