/**
 * Random numbers by counting (`threefry.ts`). A number is a pure function of a key and a counter, so a stream's whole
 * state is three integers, every use can have a stream of its own, and a GPU kernel draws the same numbers as this file
 * (see `ops/dropout.ts`).
 */

import { threefryWords } from "./threefry.ts";

/** Words that are made at a time where many numbers are drawn: they stay in the first-level cache. */
const BLOCK = 1024;

/** FNV-1a over the UTF-8 bytes of a name: turns names of streams into key words. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * Everything needed to continue a stream exactly: the key and how many words were drawn.
 *
 * @category Random numbers
 */
export interface RandomState {
  /** Two 32-bit words, unsigned: which stream. */
  readonly key: readonly [number, number];
  /** Words drawn so far. */
  readonly counter: number;
}

/**
 * A stream of random numbers. Equal key and counter give equal numbers on every machine and device.
 *
 * @category Random numbers
 */
export class RandomStream {
  /** Two 32-bit words, unsigned: which stream. `named` makes them of a seed and a name. */
  readonly key: readonly [number, number];
  #counter: number;
  readonly #one = new Uint32Array(1);

  /** `counter` is how many words were drawn already; default 0. */
  constructor(key: readonly [number, number], counter = 0) {
    this.key = [key[0] >>> 0, key[1] >>> 0];
    this.#counter = counter;
  }

  /** The stream of one use, such as `named(42, "augment/epoch 3/image 17")`; names never influence one another. */
  static named(seed: number, name: string): RandomStream {
    return new RandomStream([seed >>> 0, hashName(name)]);
  }

  /** Continues where a state was taken. */
  static from(state: RandomState): RandomStream {
    return new RandomStream(state.key, state.counter);
  }

  /** All that is needed to continue later, or elsewhere. */
  state(): RandomState {
    return { key: this.key, counter: this.#counter };
  }

  /** Words drawn so far; a kernel that draws `n` words itself calls `skip(n)`. */
  get counter(): number {
    return this.#counter;
  }

  /** Steps over `words` draws (made elsewhere, say inside a kernel) and returns the counter of the first. */
  skip(words: number): number {
    const first = this.#counter;
    this.#counter += words;
    return first;
  }

  /** Goes back (or forward) to a counter: a recomputation draws the same numbers, a resumed run the next ones. */
  rewind(counter: number): void {
    this.#counter = counter;
  }

  /** The next 32 uniform bits, unsigned. */
  word(): number {
    threefryWords(this.#one, this.key, this.#counter++);
    return this.#one[0];
  }

  /** Fills an array with the next words, as so many calls of `word` would. */
  words(target: Uint32Array): Uint32Array {
    threefryWords(target, this.key, this.skip(target.length));
    return target;
  }

  /** Uniform in [0, 1) with 24 bits, so exact in float32 too. */
  uniform(): number {
    return (this.word() >>> 8) * 2 ** -24;
  }

  /** Fills an array with what so many calls of `uniform` would give. */
  uniforms(target: Float32Array): Float32Array {
    this.#inBlocks(target.length, 1, (words, at) => {
      for (let i = 0; i < words.length; i++) target[at + i] = (words[i] >>> 8) * 2 ** -24;
    });
    return target;
  }

  /** Uniform integer in 0..n-1 by Lemire's rejection, so without bias; n is at most 2^32. */
  int(n: number): number {
    const threshold = (2 ** 32 - n) % n;
    for (;;) {
      // word · n has up to 64 bits: in two parts of 48, which float64 holds exactly, it is high · 2^32 + low.
      const word = this.word();
      const small = word * (n % 65536);
      const large = word * Math.floor(n / 65536) + Math.floor(small / 65536);
      const low = (large % 65536) * 65536 + small % 65536;
      if (low >= threshold) return Math.floor(large / 65536);
    }
  }

  /** Standard normal by Box and Muller; always draws two words. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Fills an array with what so many calls of `normal` would give, each times `deviation`. */
  normals(target: Float32Array, deviation = 1): Float32Array {
    this.#inBlocks(2 * target.length, 2, (words, at) => {
      for (let i = 0; i < words.length; i += 2) {
        const radius = Math.sqrt(-2 * Math.log(1 - (words[i] >>> 8) * 2 ** -24));
        target[at + i / 2] = radius * Math.cos(2 * Math.PI * ((words[i + 1] >>> 8) * 2 ** -24)) * deviation;
      }
    });
    return target;
  }

  /** A random order of 0..n-1 (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  /** Draws `count` words block by block; `at` is how many results of `each` words came before a block. */
  #inBlocks(count: number, each: number, use: (words: Uint32Array, at: number) => void): void {
    const block = new Uint32Array(Math.min(count, BLOCK));
    for (let at = 0; at < count; at += BLOCK) {
      use(this.words(block.subarray(0, Math.min(BLOCK, count - at))), at / each);
    }
  }
}

/**
 * Gives zeros: for models whose initial values are overwritten, every one, and not worth seconds of drawing.
 *
 * @category Random numbers
 */
export class ZeroStream extends RandomStream {
  constructor() {
    super([0, 0]);
  }
  /** Zeros. */
  override words(target: Uint32Array): Uint32Array {
    return target.fill(0);
  }
  /** Zero. */
  override word(): number {
    return 0;
  }
  /** Zero. */
  override int(_n: number): number {
    return 0;
  }
  /** Zero. */
  override normal(): number {
    return 0;
  }
  /** Zeros. */
  override uniforms(target: Float32Array): Float32Array {
    return target.fill(0);
  }
  /** Zeros. */
  override normals(target: Float32Array): Float32Array {
    return target.fill(0);
  }
}
