/**
 * Random numbers by counting: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011). A number is a pure function of a key and a counter, so a stream's whole state is three integers, every
 * use can have a stream of its own, and a GPU kernel draws the same numbers as this file (see `ops/dropout.ts`).
 */

/** How far each of the eight rounds of a cycle rotates its second word. */
export const THREEFRY_ROTATIONS: readonly number[] = [13, 15, 26, 6, 17, 29, 16, 24];
/** The parity constant that makes an all-zero key harmless. */
export const THREEFRY_PARITY = 0x1bd11bda;

/** Encrypts a 64-bit counter with a 64-bit key: two independent uniform 32-bit words (unsigned). */
export function threefry2x32(key: readonly [number, number], counter: readonly [number, number]): [number, number] {
  const schedule = [key[0], key[1], THREEFRY_PARITY ^ key[0] ^ key[1]];
  let x = (counter[0] + schedule[0]) | 0;
  let y = (counter[1] + schedule[1]) | 0;
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const rotation = THREEFRY_ROTATIONS[(group % 2) * 4 + round];
      x = (x + y) | 0;
      y = ((y << rotation) | (y >>> (32 - rotation))) ^ x;
    }
    x = (x + schedule[(group + 1) % 3]) | 0;
    y = (y + schedule[(group + 2) % 3] + group + 1) | 0;
  }
  return [x >>> 0, y >>> 0];
}

/** FNV-1a over the UTF-8 bytes of a name: turns names of streams into key words. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Everything needed to continue a stream exactly: the key and how many words were drawn. */
export interface RandomState {
  readonly key: readonly [number, number];
  readonly counter: number;
}

/** A stream of random numbers. Equal key and counter give equal numbers on every machine and device. */
export class RandomStream {
  readonly key: readonly [number, number];
  #counter: number;

  constructor(key: readonly [number, number], counter = 0) {
    this.key = [key[0] >>> 0, key[1] >>> 0];
    this.#counter = counter;
  }

  /** The stream of one use, such as `named(42, "augment/epoch 3/image 17")`; names never influence one another. */
  static named(seed: number, name: string): RandomStream {
    return new RandomStream([seed >>> 0, hashName(name)]);
  }

  static from(state: RandomState): RandomStream {
    return new RandomStream(state.key, state.counter);
  }

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
    const at = this.#counter++;
    return threefry2x32(this.key, [at >>> 0, Math.floor(at / 2 ** 32)])[0];
  }

  /** Uniform in [0, 1) with 24 bits, so exact in float32 too. */
  uniform(): number {
    return (this.word() >>> 8) * 2 ** -24;
  }

  /** Uniform integer in 0..n-1 by Lemire's rejection, so without bias. */
  int(n: number): number {
    const threshold = (2 ** 32 - n) % n;
    for (;;) {
      const product = BigInt(this.word()) * BigInt(n);
      if (Number(product & 0xffffffffn) >= threshold) return Number(product >> 32n);
    }
  }

  /** Standard normal by Box and Muller; always draws two words. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
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
}
