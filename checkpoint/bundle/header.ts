/**
 * MessagePack (msgpack.org, spec of 2017) for the header of a bundle: the state tree, every number restored bit for bit.
 * Written here rather than taken from a library because a file's bytes are not to be trusted (each length is checked
 * against what is left before anything is allocated, nesting is bounded, duplicate keys are refused) and because
 * libraries turn -0 into 0 or forget which integers were `bigint`.
 *
 * The rule that keeps types apart: integers of at most 32 bits and float64 are `number`; the 64-bit integer formats
 * and extension 1 (two's complement, little-endian) are `bigint`. float32 is read, never written.
 */
import { DinogradError } from "../../engine/errors.ts";
import { plainOrQuoted, quote } from "../quote.ts";

/** What a state tree is made of. Objects are string maps; `undefined`, functions and class instances are refused. */
export type StateValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | StateValue[]
  | { [key: string]: StateValue };

/** How deep arrays and maps may be nested. */
export const MAX_DEPTH = 64;
/** Extension type of integers beyond 64 bits. */
export const BIGINT_EXTENSION = 1;
/** Room that is made before a value is begun, so that its tag and number never move the buffer between them. */
const LONGEST_TAG = 16;

/** Encodes a value; with `sortKeys` equal trees give equal bytes whatever the order their keys were set in. */
export function encodeMsgpack(value: StateValue, options: { sortKeys?: boolean } = {}): Uint8Array {
  const encoder = new Encoder(options.sortKeys ?? false);
  encoder.value(value, []);
  return encoder.bytes();
}

/**
 * Decodes one value that fills `bytes` exactly. `place` opens the messages.
 * @throws DinogradError of kind "checkpoint"
 */
export function decodeMsgpack(bytes: Uint8Array, place: string): StateValue {
  const decoder = new Decoder(bytes, place);
  const value = decoder.value(0);
  decoder.end();
  return value;
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

  value(value: StateValue, path: string[]): void {
    this.#reserve(LONGEST_TAG);
    if (path.length > MAX_DEPTH) this.#refuse(path.slice(0, 4), `at most ${MAX_DEPTH} levels`, "more");
    if (value === null) this.#byte(0xc0);
    else if (value === false) this.#byte(0xc2);
    else if (value === true) this.#byte(0xc3);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#bigint(value);
    else if (typeof value === "string") this.#string(value, path);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) {
      this.#sized(value.length, { small: 0x90, limit: 16, wide16: 0xdc, wide32: 0xdd });
      for (let index = 0; index < value.length; index++) this.value(value[index], [...path, String(index)]);
    } else if (typeof value === "object" && [null, Object.prototype].includes(Object.getPrototypeOf(value))) {
      const keys = Object.keys(value);
      if (this.#sortKeys) keys.sort(compareCodeUnits);
      this.#sized(keys.length, { small: 0x80, limit: 16, wide16: 0xde, wide32: 0xdf });
      for (const key of keys) {
        this.#string(key, path);
        this.value(value[key], [...path, key]);
      }
    } else this.#refuse(path, "null, boolean, number, bigint, string, bytes, array or plain object", describe(value));
  }

  #number(value: number): void {
    if (!Number.isInteger(value) || Object.is(value, -0) || value < -0x80000000 || value > 0xffffffff) {
      const at = this.#tag(0xcb, 8);
      this.#view.setFloat64(at, value);
    } else if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else if (value < 0x100) this.#view.setUint8(this.#tag(0xcc, 1), value);
      else if (value < 0x10000) this.#view.setUint16(this.#tag(0xcd, 2), value);
      else this.#view.setUint32(this.#tag(0xce, 4), value);
    } else if (value >= -32) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#view.setInt8(this.#tag(0xd0, 1), value);
    else if (value >= -0x8000) this.#view.setInt16(this.#tag(0xd1, 2), value);
    else this.#view.setInt32(this.#tag(0xd2, 4), value);
  }

  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) this.#view.setBigInt64(this.#tag(0xd3, 8), value);
    else if (BigInt.asUintN(64, value) === value) this.#view.setBigUint64(this.#tag(0xcf, 8), value);
    else {
      // Two's complement with room for the sign bit.
      const magnitude = value < 0n ? -value : value;
      const length = (magnitude.toString(16).length >> 1) + 1;
      let rest = BigInt.asUintN(length * 8, value);
      const data = new Uint8Array(length);
      for (let index = 0; index < length; index++, rest >>= 8n) data[index] = Number(rest & 0xffn);
      this.#view.setUint32(this.#tag(0xc9, 5), length);
      this.#buffer[this.#length - 1] = BIGINT_EXTENSION;
      this.#append(data);
    }
  }

  #string(value: string, path: string[]): void {
    this.#reserve(LONGEST_TAG);
    if (!value.isWellFormed()) this.#refuse(path, "well-formed Unicode", "a lone surrogate in a string");
    const data = this.#text.encode(value);
    if (data.length < 32) this.#byte(0xa0 | data.length);
    else this.#lengthOf(data.length, [0xd9, 0xda, 0xdb]);
    this.#append(data);
  }

  #binary(value: Uint8Array): void {
    this.#lengthOf(value.length, [0xc4, 0xc5, 0xc6]);
    this.#append(value);
  }

  #lengthOf(length: number, tags: readonly [number, number, number]): void {
    if (length < 0x100) this.#view.setUint8(this.#tag(tags[0], 1), length);
    else if (length < 0x10000) this.#view.setUint16(this.#tag(tags[1], 2), length);
    else this.#view.setUint32(this.#tag(tags[2], 4), length);
  }

  #sized(length: number, tags: { small: number; limit: number; wide16: number; wide32: number }): void {
    if (length < tags.limit) this.#byte(tags.small | length);
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

  #refuse(path: string[], expected: string, found: string): never {
    throw new DinogradError(
      "checkpoint",
      `${plainOrQuoted(path.join("/") || "value")}: expected ${expected} but found ${found}`,
    );
  }
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #place: string;
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #at = 0;

  constructor(bytes: Uint8Array, place: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = place;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) this.#fail("the end", `${this.#bytes.length - this.#at} bytes more`);
  }

  value(depth: number): StateValue {
    if (depth > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of nesting`, "more");
    const tag = this.#bytes[this.#take(1)];
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 15, depth);
    if (tag < 0xa0) return this.#array(tag & 15, depth);
    if (tag < 0xc0) return this.#string(tag & 31);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6: {
        const length = this.#length(tag - 0xc4);
        const at = this.#take(length);
        return this.#bytes.slice(at, at + length);
      }
      case 0xc9:
        return this.#extension();
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#length(tag - 0xcc);
      case 0xcf:
        return this.#view.getBigUint64(this.#take(8));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return this.#view.getBigInt64(this.#take(8));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#length(tag - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(tag - 0xdb), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(tag - 0xdd), depth);
    }
    return this.#fail("a MessagePack value", `tag 0x${tag.toString(16)}`);
  }

  #array(length: number, depth: number): StateValue[] {
    // Every element takes a byte at least, so a forged count is found out before the array grows.
    this.#need(length);
    const array: StateValue[] = [];
    for (let index = 0; index < length; index++) array.push(this.value(depth + 1));
    return array;
  }

  #map(length: number, depth: number): { [key: string]: StateValue } {
    this.#need(length * 2);
    const map: { [key: string]: StateValue } = {};
    for (let index = 0; index < length; index++) {
      const key = this.value(depth + 1);
      if (typeof key !== "string") return this.#fail("a string as key", describe(key));
      if (Object.hasOwn(map, key)) return this.#fail("each key once", `${quote(key)} again`);
      const value = this.value(depth + 1);
      // Assigning `__proto__` would set the prototype; defining it makes it a key like any other.
      if (key === "__proto__") {
        Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
      } else map[key] = value;
    }
    return map;
  }

  #string(length: number): string {
    const at = this.#take(length);
    try {
      return this.#text.decode(this.#bytes.subarray(at, at + length));
    } catch {
      return this.#fail("UTF-8", "bytes that are not");
    }
  }

  #extension(): bigint {
    const length = this.#length(2);
    const type = this.#bytes[this.#take(1)];
    if (type !== BIGINT_EXTENSION) return this.#fail(`extension ${BIGINT_EXTENSION}`, `extension ${type}`);
    if (length > 1024) return this.#fail("an integer of at most 1024 bytes", `${length}`);
    const at = this.#take(length);
    let value = 0n;
    for (let index = length - 1; index >= 0; index--) value = (value << 8n) | BigInt(this.#bytes[at + index]);
    return BigInt.asIntN(length * 8, value);
  }

  /** Reads an unsigned integer of 1, 2 or 4 bytes. */
  #length(log2Size: number): number {
    const at = this.#take(1 << log2Size);
    return log2Size === 0
      ? this.#view.getUint8(at)
      : log2Size === 1
      ? this.#view.getUint16(at)
      : this.#view.getUint32(at);
  }

  #take(size: number): number {
    this.#need(size);
    const at = this.#at;
    this.#at += size;
    return at;
  }

  #need(size: number): void {
    const left = this.#bytes.length - this.#at;
    if (size > left) this.#fail(`${size} bytes more`, `${left}`);
  }

  #fail(expected: string, found: string): never {
    throw new DinogradError("checkpoint", `${this.#place}, byte ${this.#at}: expected ${expected} but found ${found}`);
  }
}

/** Orders strings by UTF-16 code units: the same on every machine, unlike a locale's order. */
export function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return `an object of ${value.constructor?.name ?? "no class"}`;
  return typeof value;
}
