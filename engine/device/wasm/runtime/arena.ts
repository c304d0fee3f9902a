/**
 * The heap inside the one WebAssembly memory: first fit from the lowest address, free neighbours merged. Low addresses
 * first because pages that were used before are far faster than fresh ones, which the system must map and clear.
 * A training step allocates and frees the same sizes in the same order every time, so its buffers get the same places.
 */

export const ALIGNMENT = 64;

interface ArenaOptions {
  /** The first usable address. */
  readonly start: number;
  /** Makes memory up to this address usable, or returns false. */
  readonly growTo: (end: number) => boolean;
}

export class Arena {
  readonly #start: number;
  readonly #growTo: (end: number) => boolean;
  /** Free blocks in order of address; no two touch. The space above `#end` is free too, but not yet part of it. */
  readonly #freeStarts: number[] = [];
  readonly #freeSizes: number[] = [];
  readonly #sizes = new Map<number, number>();
  #end: number;
  #used = 0;

  constructor(options: ArenaOptions) {
    this.#start = align(options.start);
    this.#end = this.#start;
    this.#growTo = options.growTo;
  }

  /** Bytes in allocated blocks. */
  get used(): number {
    return this.#used;
  }
  /** Bytes that were ever part of a block: what the system had to provide. */
  get reserved(): number {
    return this.#end - this.#start;
  }

  /** The address of a new block of at least `bytes`, or `undefined` where there is no room. */
  allocate(bytes: number): number | undefined {
    const size = Math.max(align(bytes), ALIGNMENT);
    const free = this.#freeSizes;
    let i = 0;
    while (i < free.length && free[i] < size) i++;
    const address = i < free.length ? this.#takeFree(i, size) : this.#takeEnd(size);
    if (address === undefined) return undefined;
    this.#sizes.set(address, size);
    this.#used += size;
    return address;
  }

  /** The bytes behind an allocated address; `undefined` if it is not one. */
  sizeOf(address: number): number | undefined {
    return this.#sizes.get(address);
  }

  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) throw new Error(`arena: expected an allocated address but found ${address}`);
    this.#sizes.delete(address);
    this.#used -= size;
    const i = this.#position(address);
    const joinsBefore = i > 0 && this.#freeStarts[i - 1] + this.#freeSizes[i - 1] === address;
    const joinsAfter = i < this.#freeStarts.length && address + size === this.#freeStarts[i];
    if (joinsBefore && joinsAfter) {
      this.#freeSizes[i - 1] += size + this.#freeSizes[i];
      this.#removeFree(i);
    } else if (joinsBefore) {
      this.#freeSizes[i - 1] += size;
    } else if (joinsAfter) {
      this.#freeStarts[i] = address;
      this.#freeSizes[i] += size;
    } else {
      this.#freeStarts.splice(i, 0, address);
      this.#freeSizes.splice(i, 0, size);
    }
  }

  #takeFree(i: number, size: number): number {
    const address = this.#freeStarts[i];
    if (this.#freeSizes[i] === size) {
      this.#removeFree(i);
    } else {
      this.#freeStarts[i] += size;
      this.#freeSizes[i] -= size;
    }
    return address;
  }

  #takeEnd(size: number): number | undefined {
    const last = this.#freeStarts.length - 1;
    const touchesEnd = last >= 0 && this.#freeStarts[last] + this.#freeSizes[last] === this.#end;
    const address = touchesEnd ? this.#freeStarts[last] : this.#end;
    if (!this.#growTo(address + size)) return undefined;
    if (touchesEnd) this.#removeFree(last);
    this.#end = address + size;
    return address;
  }

  /** How many free blocks lie below an address. */
  #position(address: number): number {
    let low = 0;
    let high = this.#freeStarts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#freeStarts[middle] < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #removeFree(i: number): void {
    this.#freeStarts.splice(i, 1);
    this.#freeSizes.splice(i, 1);
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
