/**
 * Remembers the most recently used of what was computed, in two generations: when the young one is full it
 * becomes the old one, and what is asked for again is young again. Never more than twice `size` entries, and
 * no bookkeeping on a hit: a flood of new keys costs a repetition of work, never memory.
 */
export class Memo<Value> {
  readonly #size: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  constructor(size: number) {
    this.#size = size;
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
