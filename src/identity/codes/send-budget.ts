import { DurableObject } from "cloudflare:workers";
import type { Env } from "#env.ts";
import type { Limits } from "#platform/limits.ts";
import {
  type BudgetKind,
  type BudgetState,
  type BudgetVerdict,
  emptyBudget,
  forgiveGuess,
  isForgotten,
  mayGuess,
  mayTake,
  note,
  noteGuess,
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

  /** Counts a guess before it is made, so that many at once are no more than were allowed. */
  takeGuess(limits: Limits, now = Date.now()): boolean {
    const state = this.#read();
    if (!mayGuess(state, limits, now)) return false;
    this.#write(noteGuess(state, limits, now));
    return true;
  }

  /** The guess of that time was not wrong. */
  forgiveGuess(at: number): void {
    this.#write(forgiveGuess(this.#read(), at));
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
