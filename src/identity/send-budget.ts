import { DurableObject } from "cloudflare:workers";
import type { Env, Limits } from "#env.ts";
import {
  type BudgetKind,
  type BudgetState,
  type BudgetVerdict,
  emptyBudget,
  isForgotten,
  mayGuess,
  mayTake,
  note,
  noteFailure,
} from "./budget-rules.ts";

const DAY = 86_400_000;

/** One object per client address, per country and per operator: counted exactly, whatever the parallelism. */
export class SendBudget extends DurableObject<Env> {
  /** Takes one send out of the budget, or says how many seconds to wait. */
  take(kind: BudgetKind, country: string, limits: Limits, now = Date.now()): BudgetVerdict {
    const state = this.#read();
    const verdict = mayTake(state, kind, country, limits, now);
    if (verdict.allowed) this.#write(note(state, { sent: 1, country }, now));
    return verdict;
  }

  /** Puts a send back that did not happen. */
  release(now = Date.now()): void {
    this.#write(note(this.#read(), { sent: -1 }, now));
  }

  /** A code that was sent from here has been entered. */
  verified(now = Date.now()): void {
    this.#write(note(this.#read(), { verified: 1 }, now));
  }

  mayGuess(limits: Limits, now = Date.now()): boolean {
    return mayGuess(this.#read(), limits, now);
  }

  failed(limits: Limits, now = Date.now()): void {
    this.#write(noteFailure(this.#read(), limits, now));
  }

  override async alarm(): Promise<void> {
    if (isForgotten(this.#read(), Date.now())) await this.ctx.storage.deleteAll();
    else await this.ctx.storage.setAlarm(Date.now() + DAY);
  }

  #read(): BudgetState {
    return this.ctx.storage.kv.get<BudgetState>("state") ?? emptyBudget();
  }

  #write(state: BudgetState): void {
    this.ctx.storage.kv.put("state", state);
    this.ctx.waitUntil(this.#wake());
  }

  async #wake(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + DAY);
  }
}
