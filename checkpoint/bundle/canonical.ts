/**
 * The one encoding of a state tree that digests are computed over: MessagePack (msgpack.org, spec of 2017) with the
 * shortest format of every length and, if asked, sorted keys. It is written out here, to the byte, because a digest must
 * stay the same for ever, and what a library writes may change with its next version. Headers are written by a library
 * (`header.ts`); the tests hold the two to the same bytes.
 *
 * The rule that keeps types apart: integers of at most 32 bits and float64 are `number`; the 64-bit integer formats
 * and extension 1 (two's complement, little-endian) are `bigint`.
 */
import { compareCodeUnits, measureState, type StateValue } from "../state_tree.ts";

/** Extension type of integers beyond 64 bits. */
export const BIGINT_EXTENSION = 1;
/** Room that is made before a value is begun, so that its tag and number never move the buffer between them. */
const LONGEST_TAG = 16;

/**
 * Encodes a value; with `sortKeys` equal trees give equal bytes whatever the order their keys were set in.
 * @throws DinogradError of kind "checkpoint" that names the place of what is no state value
 */
export function encodeCanonical(value: StateValue, options: { sortKeys?: boolean } = {}): Uint8Array {
  measureState(value);
  const encoder = new Encoder(options.sortKeys ?? false);
  encoder.value(value);
  return encoder.bytes();
}

/** Whether a number takes a float64: whatever is no integer of at most 32 bits, and -0, which integers cannot tell. */
function isFloat(value: number): boolean {
  return !Number.isInteger(value) || Object.is(value, -0) || value < -0x80000000 || value > 0xffffffff;
}

/** An integer beyond 64 bits in two's complement, with room for the sign bit; the least significant byte comes first. */
export function bigintBytes(value: bigint): Uint8Array {
  const magnitude = value < 0n ? -value : value;
  const length = (magnitude.toString(16).length >> 1) + 1;
  let rest = BigInt.asUintN(length * 8, value);
  const data = new Uint8Array(length);
  for (let index = 0; index < length; index++, rest >>= 8n) data[index] = Number(rest & 0xffn);
  return data;
}

/** The other way. */
export function bytesToBigint(data: Uint8Array): bigint {
  let value = 0n;
  for (let index = data.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(data[index]);
  return BigInt.asIntN(data.length * 8, value);
}

class Encoder {
  #buffer = new Uint8Array(1 << 12);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;
  readonly #text = new TextEncoder();
  readonly #sortKeys: boolean;

  constructor(sortKeys: boolean) {
    this.#sortKeys = sortKeys;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  value(value: StateValue): void {
    this.#reserve(LONGEST_TAG);
    if (value === null) this.#byte(0xc0);
    else if (value === false) this.#byte(0xc2);
    else if (value === true) this.#byte(0xc3);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#bigint(value);
    else if (typeof value === "string") this.#string(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) {
      this.#sized(value.length, { small: 0x90, wide16: 0xdc, wide32: 0xdd });
      for (const item of value) this.value(item);
    } else {
      const keys = Object.keys(value);
      if (this.#sortKeys) keys.sort(compareCodeUnits);
      this.#sized(keys.length, { small: 0x80, wide16: 0xde, wide32: 0xdf });
      for (const key of keys) {
        this.#string(key);
        this.value(value[key]);
      }
    }
  }

  #number(value: number): void {
    if (isFloat(value)) this.#view.setFloat64(this.#tag(0xcb, 8), value);
    else if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else this.#lengthOf(value, [0xcc, 0xcd, 0xce]);
    } else if (value >= -32) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#view.setInt8(this.#tag(0xd0, 1), value);
    else if (value >= -0x8000) this.#view.setInt16(this.#tag(0xd1, 2), value);
    else this.#view.setInt32(this.#tag(0xd2, 4), value);
  }

  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) this.#view.setBigInt64(this.#tag(0xd3, 8), value);
    else if (BigInt.asUintN(64, value) === value) this.#view.setBigUint64(this.#tag(0xcf, 8), value);
    else {
      const data = bigintBytes(value);
      this.#view.setUint32(this.#tag(0xc9, 5), data.length);
      this.#buffer[this.#length - 1] = BIGINT_EXTENSION;
      this.#append(data);
    }
  }

  #string(value: string): void {
    this.#reserve(LONGEST_TAG);
    const data = this.#text.encode(value);
    if (data.length < 32) this.#byte(0xa0 | data.length);
    else this.#lengthOf(data.length, [0xd9, 0xda, 0xdb]);
    this.#append(data);
  }

  #binary(value: Uint8Array): void {
    this.#lengthOf(value.length, [0xc4, 0xc5, 0xc6]);
    this.#append(value);
  }

  /** An unsigned integer of 1, 2 or 4 bytes, behind the tag that says how many. */
  #lengthOf(length: number, tags: readonly [number, number, number]): void {
    if (length < 0x100) this.#view.setUint8(this.#tag(tags[0], 1), length);
    else if (length < 0x10000) this.#view.setUint16(this.#tag(tags[1], 2), length);
    else this.#view.setUint32(this.#tag(tags[2], 4), length);
  }

  #sized(length: number, tags: { small: number; wide16: number; wide32: number }): void {
    if (length < 16) this.#byte(tags.small | length);
    else if (length < 0x10000) this.#view.setUint16(this.#tag(tags.wide16, 2), length);
    else this.#view.setUint32(this.#tag(tags.wide32, 4), length);
  }

  #byte(byte: number): void {
    this.#buffer[this.#length++] = byte;
  }

  /** Writes a tag and returns where the `size` bytes after it go; the room for both has been made. */
  #tag(tag: number, size: number): number {
    this.#buffer[this.#length] = tag;
    const at = this.#length + 1;
    this.#length += size + 1;
    return at;
  }

  #append(data: Uint8Array): void {
    this.#reserve(data.length);
    this.#buffer.set(data, this.#length);
    this.#length += data.length;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + size));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}
