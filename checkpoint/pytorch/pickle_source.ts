/** The bytes of a pickle, read from front to back: numbers, texts and lines, none longer than what is left of the file. */
import { DinogradError } from "../../engine/errors.ts";
import { quote } from "../quote.ts";

/** Up to how many characters a text is put together in a loop: a decoder costs more to call. */
const SHORT_TEXT = 64;
/** Decimal digits that a number holds exactly. */
const EXACT_DIGITS = 15;
/** Bytes, and decimal digits, of the longest integer: far more than Python programs keep in checkpoints. */
const MOST_INTEGER_BYTES = 1024;
const INTEGER = /^[+-]?\d{1,1000}$/;
/** Characters of the longest number in a line of protocol 0. */
const LONGEST_NUMBER = 1024;

/** Thrown when a pickle continues beyond the bytes at hand; a reader of a long file may fetch more and try again. */
export class PickleTruncated extends DinogradError {
  /** `at`: how many bytes there were. */
  constructor(place: string, at: number) {
    super("checkpoint", `${place}: expected more bytes after ${at} but the pickle ends there`);
  }
}

/** Reads from the start of `bytes` on. Everything throws `PickleTruncated` where too few are left. */
export class PickleSource {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #place: string;
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #wideText = new TextDecoder("utf-16le", { ignoreBOM: true });
  #at = 0;

  /** `place` opens every message. */
  constructor(bytes: Uint8Array, place: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = place;
  }

  /** How many bytes have been read. */
  get at(): number {
    return this.#at;
  }

  /** Passes over bytes. */
  skip(size: number): void {
    this.#take(size);
  }

  byte(): number {
    return this.#bytes[this.#take(1)];
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Big-endian, unlike all else. */
  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** A length of 64 bits. */
  length64(): number {
    const length = Number(this.#view.getBigUint64(this.#take(8), true));
    return Number.isSafeInteger(length) ? length : this.fail("a length below 2^53", `${length}`);
  }

  /** An integer of `length` bytes in two's complement, little-endian. */
  long(length: number): number | bigint {
    if (length > MOST_INTEGER_BYTES) this.fail(`an integer of at most ${MOST_INTEGER_BYTES} bytes`, `${length}`);
    const at = this.#take(length);
    let value = 0n;
    let end = at + length;
    for (; end % 8 !== at % 8; end--) value = (value << 8n) | BigInt(this.#bytes[end - 1]);
    for (; end > at; end -= 8) value = (value << 64n) | this.#view.getBigUint64(end - 8, true);
    return narrow(BigInt.asIntN(length * 8, value));
  }

  utf8(length: number): string {
    const at = this.#take(length);
    if (length <= SHORT_TEXT && this.#isAscii(at, at + length)) return this.#characters(at, at + length);
    try {
      return this.#text.decode(this.#bytes.subarray(at, at + length));
    } catch {
      return this.fail("UTF-8", "bytes that are not");
    }
  }

  latin1(length: number): string {
    const at = this.#take(length);
    if (length <= SHORT_TEXT) return this.#characters(at, at + length);
    // Every byte is the character of its number, which "latin1" of a TextDecoder is not: that one is windows-1252.
    return this.#wideText.decode(new Uint16Array(this.#bytes.subarray(at, at + length)));
  }

  #isAscii(from: number, to: number): boolean {
    while (from < to && this.#bytes[from] < 0x80) from++;
    return from === to;
  }

  #characters(from: number, to: number): string {
    let text = "";
    for (let at = from; at < to; at++) text += String.fromCharCode(this.#bytes[at]);
    return text;
  }

  binary(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** The Latin-1 characters up to a line feed, which is passed over. */
  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw new PickleTruncated(this.#place, this.#bytes.length);
    const text = this.latin1(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  /** A decimal integer as a line; `suffix` may follow it. */
  integerLine(suffix = ""): number | bigint {
    return this.integer(this.line(), suffix);
  }

  /** A decimal integer in a text. */
  integer(text: string, suffix = ""): number | bigint {
    const digits = suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    if (digits.length > LONGEST_NUMBER || !INTEGER.test(digits)) this.fail("an integer", quote(text));
    return digits.length <= EXACT_DIGITS ? Number(digits) : narrow(BigInt(digits));
  }

  /** A decimal float as a line, `inf` and `nan` among them. */
  floatLine(): number {
    const line = this.line();
    if (line === "nan") return NaN;
    if (line === "inf" || line === "-inf") return line === "inf" ? Infinity : -Infinity;
    const isShort = line.length <= LONGEST_NUMBER && line.trim() !== "";
    const value = isShort ? Number(line) : NaN;
    return Number.isNaN(value) ? this.fail("a float", quote(line)) : value;
  }

  /** A line in Python's quotation marks, without escapes. */
  quotedLine(): string {
    const line = this.line();
    const inner = line.slice(1, -1);
    const isQuoted = line.length >= 2 && (line[0] === "'" || line[0] === '"') && line.at(-1) === line[0];
    if (!isQuoted || inner.includes(line[0]) || inner.includes("\\")) this.fail("a plain quoted string", quote(line));
    return inner;
  }

  /** A line in which `\uXXXX` and `\UXXXXXXXX` stand for characters. */
  unicodeLine(): string {
    return this.line().replace(/\\u([0-9a-f]{4})|\\U([0-9a-f]{8})/gi, (_, short, long) => {
      const code = parseInt(short ?? long, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : this.fail("a Unicode character", `${code}`);
    });
  }

  /** @throws DinogradError of kind "checkpoint" that names the byte */
  fail(expected: string, found: string): never {
    throw new DinogradError(
      "checkpoint",
      `${this.#place}, pickle byte ${this.#at}: expected ${expected} but found ${found}`,
    );
  }

  #take(size: number): number {
    if (size > this.#bytes.length - this.#at) throw new PickleTruncated(this.#place, this.#bytes.length);
    const at = this.#at;
    this.#at += size;
    return at;
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
