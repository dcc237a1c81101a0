import { DurableObject } from "cloudflare:workers";
import { type Env, settings } from "#env.ts";
import { hmac, keyFor, randomDigits, randomId, sameText } from "#platform/crypto.ts";
import { type Challenge, type CodePolicy, type CodeState, emptyState, prune } from "./code-state.ts";
import { type Guesser, type GuessVerdict, guess, noteCall, redeemCall } from "./guess-rules.ts";
import { maySend, nextGap, noteSend, type SendVerdict, withdrawSend } from "./send-rules.ts";

export interface CodeRequest {
  policy: CodePolicy;
  /** MAC of the install that asks, if it told one. */
  install?: string | undefined;
  /** The store reviewer's code. Nothing is sent, so the sending limits do not count. */
  fixed?: string | undefined;
  /** The challenge that the code is for; none for the resident's app. */
  binding?: string | undefined;
  /** Instead of a code: our numbers, one of which the person is asked to call. */
  call?: { numbers: readonly string[]; client: string } | undefined;
}

export type Issued =
  | { allowed: true; id: string; code: string; number?: string; expiresAt: number; nextAt: number }
  | Extract<SendVerdict, { allowed: false }>;

/**
 * One object per phone number, so that a code can be neither sent nor guessed more often by asking from many
 * places at once. Every method is synchronous between reading and writing: no await, no race. The code
 * itself is stored only as a keyed MAC, and wiped when its life ends.
 */
export class OneTimeCodes extends DurableObject<Env> {
  /** Makes a code, or says why not and how many seconds to wait. The caller sends what it gets. */
  issue({ policy, install, fixed, binding, call }: CodeRequest, now = Date.now()): Issued {
    const state = this.#read();
    const verdict: SendVerdict = fixed ? { allowed: true, pool: "open" } : maySend(state, policy, install, now);
    if (!verdict.allowed) return verdict;

    const code = call ? "" : (fixed ?? randomDigits(policy.length));
    const challenge: Challenge = { id: randomId(), issuedAt: now, expiresAt: now + policy.lifeMs, tries: 0 };
    if (call) {
      challenge.number = call.numbers[Number(randomDigits(6)) % call.numbers.length] ?? "";
      challenge.client = call.client;
    } else {
      challenge.mac = this.#mac(challenge.id, code);
    }
    if (binding !== undefined) challenge.binding = binding;
    const next = noteSend(state, verdict.pool, challenge, now);
    this.#write(fixed ? withoutSends(next, state) : next, now);
    const { id, expiresAt, number } = challenge;
    const nextAt = now + nextGap(next[verdict.pool], policy);
    return { allowed: true, id, code, expiresAt, nextAt, ...(number === undefined ? {} : { number }) };
  }

  /** Takes back a code that was not sent after all. */
  withdraw(id: string, now = Date.now()): void {
    this.#write(withdrawSend(this.#read(), id), now);
  }

  /** Tries a code. A right one is used up, together with everything that was counted against its owner. */
  verify(policy: CodePolicy, guesser: Guesser, code: string, now = Date.now()): GuessVerdict {
    const matches = (challenge: Challenge) => sameText(challenge.mac ?? "", this.#mac(challenge.id, code));
    const before = this.#read();
    const { verdict, state } = guess(before, policy, guesser, matches, now);
    if (state !== before) this.#write(state, now);
    return verdict;
  }

  /** The phone called `number` of ours at `at`; undefined when the PBX cannot tell which. */
  called(number: string | undefined, at: number, now = Date.now()): boolean {
    const before = this.#read();
    const { seen, state } = noteCall(before, number, at, now);
    if (state !== before) this.#write(state, now);
    return seen;
  }

  /** Whether the call that this client was asked for has come in. Redeems it. */
  redeem(client: string, install: string | undefined, now = Date.now()): boolean {
    const { ok, state } = redeemCall(this.#read(), client, install, now);
    if (ok) this.#write(state, now);
    return ok;
  }

  /** Operations lifts the lock that too many failures in a row have set. */
  unlock(now = Date.now()): void {
    this.#write({ ...this.#read(), failuresInARow: 0 }, now);
  }

  override async alarm(): Promise<void> {
    const kept = prune(this.#read(), Date.now());
    if (!kept) return this.ctx.storage.deleteAll();
    this.ctx.storage.kv.put("state", kept.state);
    await this.ctx.storage.setAlarm(Math.max(kept.wakeAt, Date.now() + 1000));
  }

  #read(): CodeState {
    return this.ctx.storage.kv.get<CodeState>("state") ?? emptyState();
  }

  #write(state: CodeState, now: number): void {
    const kept = prune(state, now);
    if (!kept) return void this.ctx.waitUntil(this.ctx.storage.deleteAll());
    this.ctx.storage.kv.put("state", kept.state);
    this.ctx.waitUntil(this.ctx.storage.setAlarm(kept.wakeAt));
  }

  #mac(id: string, code: string): string {
    const key = keyFor(settings(this.env).PEPPERS.current.key, "one-time-code");
    return hmac(key, `${id}|${code}`).toString("base64url");
  }
}

// The reviewer may ask again at once and all day long. Guesses still count.
function withoutSends(next: CodeState, before: CodeState): CodeState {
  return { ...next, open: { ...next.open, sends: before.open.sends, streak: before.open.streak } };
}
