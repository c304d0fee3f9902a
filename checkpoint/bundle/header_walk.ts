/**
 * A walk over the bytes of a header before a library decodes them. A decoder trusts what it reads: it makes room for the
 * lengths that a file claims, nests as deep as the file does, takes the last of two equal keys, builds whatever the
 * extensions ask for and replaces what is no UTF-8. So all of that is checked first, and nothing is allocated for it.
 */
import { DinogradError } from "../../engine/errors.ts";
import { quote } from "../quote.ts";
import { BYTES_COUNT_AS, MAX_DEPTH } from "../state_tree.ts";
import { BIGINT_EXTENSION } from "./canonical.ts";

/** The longest integer beyond 64 bits, in bytes; writers have `INTEGERS_BELOW`. */
const MAX_BIGINT_BYTES = 1024;
/**
 * Most values of a header, keys among them: some 150,000 tensors. A value in memory takes up to a hundred times its bytes
 * in the file, where `[]` is one.
 */
export const MAX_HEADER_VALUES = 2 * 1024 * 1024;

/** Bytes behind the tags of numbers. */
const NUMBER_BYTES: ReadonlyMap<number, number> = new Map([
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
]);

interface TextRange {
  /** Where its tag is. */
  readonly tag: number;
  /** Where its UTF-8 begins and ends. */
  readonly from: number;
  readonly to: number;
}

/** What a decoder must know of a header. */
export interface HeaderFacts {
  /** Whether a map has a key `__proto__`. */
  readonly hasPrototypeKey: boolean;
  /** Texts that begin with a byte order mark, in the order of the bytes. */
  readonly marked: readonly TextRange[];
}

/**
 * Checks that `bytes` are exactly one value of a state tree. `place` opens the messages.
 * @throws DinogradError of kind "checkpoint"
 */
export function walkHeader(bytes: Uint8Array, place: string): HeaderFacts {
  const walk = new Walk(bytes, place);
  walk.value(0);
  walk.end();
  return walk;
}

class Walk implements HeaderFacts {
  hasPrototypeKey = false;
  readonly marked: TextRange[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #place: string;
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array, place: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = place;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) this.#fail("the end", `${this.#bytes.length - this.#at} bytes more`);
  }

  value(depth: number): void {
    if (depth > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of nesting`, "more");
    const tag = this.#tag();
    const number = NUMBER_BYTES.get(tag);
    if (tag < 0x80 || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return;
    if (number !== undefined) this.#take(number);
    else if (tag < 0x90) this.#map(tag & 15, depth);
    else if (tag < 0xa0) this.#array(tag & 15, depth);
    else if (isText(tag)) this.#textAfter(tag);
    else if (tag >= 0xc4 && tag <= 0xc6) {
      this.#count(BYTES_COUNT_AS - 1);
      this.#take(this.#length(tag - 0xc4));
    } else if (tag === 0xc9) this.#extension();
    else if (tag === 0xdc || tag === 0xdd) this.#array(this.#length(tag - 0xdb), depth);
    else if (tag === 0xde || tag === 0xdf) this.#map(this.#length(tag - 0xdd), depth);
    else this.#fail("a MessagePack value", `tag 0x${tag.toString(16)}`);
  }

  #array(length: number, depth: number): void {
    // Every element takes a byte at least, so a forged count is found out at once.
    this.#need(length);
    for (let index = 0; index < length; index++) this.value(depth + 1);
  }

  #map(length: number, depth: number): void {
    this.#need(length * 2);
    const keys: TextRange[] = [];
    for (let index = 0; index < length; index++) {
      const tag = this.#tag();
      if (!isText(tag)) this.#fail("a string as key", `tag 0x${tag.toString(16)}`);
      const key = this.#textAfter(tag);
      if (this.#isPrototypeKey(key)) this.hasPrototypeKey = true;
      keys.push(key);
      this.value(depth + 1);
    }
    this.#expectDifferent(keys);
  }

  /** Sorted, equal keys lie beside each other. */
  #expectDifferent(keys: TextRange[]): void {
    keys.sort((a, b) => this.#compare(a, b));
    for (let index = 1; index < keys.length; index++) {
      if (this.#compare(keys[index - 1], keys[index]) !== 0) continue;
      // In the order of the bytes, for the sort keeps it among equals.
      this.#at = keys[index].to;
      this.#fail("each key once", `${quote(this.#decode(keys[index]))} again`);
    }
  }

  #compare(a: TextRange, b: TextRange): number {
    const length = a.to - a.from;
    if (length !== b.to - b.from) return length - (b.to - b.from);
    for (let index = 0; index < length; index++) {
      const difference = this.#bytes[a.from + index] - this.#bytes[b.from + index];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #isPrototypeKey(key: TextRange): boolean {
    return key.to - key.from === 9 && this.#bytes[key.from] === 0x5f && this.#decode(key) === "__proto__";
  }

  #textAfter(tag: number): TextRange {
    const start = this.#at - 1;
    const length = tag < 0xc0 ? tag & 31 : this.#length(tag - 0xd9);
    const from = this.#take(length);
    const range = { tag: start, from, to: from + length };
    let at = from;
    while (at < range.to && this.#bytes[at] < 0x80) at++;
    if (at < range.to) {
      try {
        if (this.#decode(range).startsWith("\ufeff")) this.marked.push(range);
      } catch {
        this.#fail("UTF-8", "bytes that are not");
      }
    }
    return range;
  }

  #decode({ from, to }: TextRange): string {
    return this.#text.decode(this.#bytes.subarray(from, to));
  }

  #extension(): void {
    const length = this.#length(2);
    const type = this.#bytes[this.#take(1)];
    if (type !== BIGINT_EXTENSION) this.#fail(`extension ${BIGINT_EXTENSION}`, `extension ${type}`);
    if (length > MAX_BIGINT_BYTES) this.#fail(`an integer of at most ${MAX_BIGINT_BYTES} bytes`, `${length}`);
    this.#take(length);
  }

  /** The tag of the next value, which is counted. */
  #tag(): number {
    const tag = this.#bytes[this.#take(1)];
    this.#count(1);
    return tag;
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > MAX_HEADER_VALUES) this.#fail(`at most ${MAX_HEADER_VALUES} values`, "more");
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

function isText(tag: number): boolean {
  return tag >= 0xa0 && tag < 0xc0 || tag >= 0xd9 && tag <= 0xdb;
}
