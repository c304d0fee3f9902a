/**
 * How much memory a pickle may come to. A byte of a pickle makes a dict of 200, three bytes copy a dict of any size, and a
 * small file could take all memory or time. Costs are what V8 takes for a value, in bytes, measured and
 * rounded up; what grows is copied, and costs two to three times what it holds.
 */

/** What values cost. A reference on the stack or in a list is a `value`. */
export const COST = {
  value: 24,
  number: 32,
  text: 48,
  bytes: 224,
  list: 200,
  tuple: 80,
  object: 240,
  dict: 200,
  /** A key and value of a dict, or what a number of the memo stands for. */
  entry: 64,
} as const;

/** Bytes of the longest pickle that is read at all; tensors are not in it. */
export const MOST_PICKLE_BYTES = 64 * 1024 * 1024;
const MOST_MEMORY = 256 * 1024 * 1024;
/** What every pickle may take, and what its bytes may take each beyond that: real ones take about 25 a byte. */
const LEAST_MEMORY = 16 * 1024 * 1024;
const MEMORY_PER_BYTE = 64;

/** What is left for the values of one pickle. */
export class PickleBudget {
  readonly #total: number;
  readonly #fail: (expected: string, found: string) => never;
  #left: number;

  /** `length` is that of the pickle in bytes; `fail` throws the refusal. */
  constructor(length: number, fail: (expected: string, found: string) => never) {
    this.#total = Math.min(MOST_MEMORY, LEAST_MEMORY + MEMORY_PER_BYTE * length);
    this.#left = this.#total;
    this.#fail = fail;
  }

  /** Takes `cost` bytes, before they are allocated or copied. */
  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) this.#fail(`values of at most ${this.#total} bytes`, "more");
  }
}
