/** Bits in the order of deflate (RFC 1951, 3.1.1): the lowest of a byte first. */

/** Writes codes of up to 24 bits one after the other. */
export class BitWriter {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  /** The byte that is begun. */
  position: number;
  /** Its bits so far, and how many: 0 to 7. */
  held = 0;
  bits = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.position = start;
  }

  /** Bits written so far. */
  get written(): number {
    return 8 * (this.position - this.#start) + this.bits;
  }

  /** Writes the low `count` bits of `value`, which has no higher ones; at most 24. */
  write(value: number, count: number): void {
    this.held |= value << this.bits;
    this.bits += count;
    while (this.bits >= 8) {
      this.#bytes[this.position++] = this.held;
      this.held >>>= 8;
      this.bits -= 8;
    }
  }

  /** Somebody else has continued writing, up to bit `bits` from `position`. */
  appended(bits: number): void {
    this.position += bits >>> 3;
    this.bits = bits & 7;
    this.held = this.#bytes[this.position] & ((1 << this.bits) - 1);
  }

  /** Completes the last byte with zeros; returns how many bytes were written. */
  finish(): number {
    if (this.bits > 0) this.write(0, 8 - this.bits);
    return this.position - this.#start;
  }
}

/** Reads bits from memory; beyond the end there are zeros. */
export class BitReader {
  readonly #bytes: Uint8Array;
  /** The first byte. */
  readonly start: number;
  /** Number of bits. */
  readonly end: number;
  /** Bits read so far; more than `end` if the stream was too short. */
  position = 0;

  constructor(bytes: Uint8Array, { from, length }: { from: number; length: number }) {
    this.#bytes = bytes;
    this.start = from;
    this.end = 8 * length;
  }

  /** Whether all but a last byte's filling is read. */
  get isAtEnd(): boolean {
    return this.position <= this.end && this.end - this.position < 8;
  }

  /** The next `count` bits, at most 16, without reading them. */
  peek(count: number): number {
    const at = this.position >>> 3;
    const last = this.end >>> 3;
    let word = 0;
    for (let byte = 0; byte < 3 && at + byte < last; byte++) word |= this.#bytes[this.start + at + byte] << 8 * byte;
    return word >>> (this.position & 7) & ((1 << count) - 1);
  }

  read(count: number): number {
    const value = this.peek(count);
    this.position += count;
    return value;
  }
}
