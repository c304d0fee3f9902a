/**
 * Reads Python pickles (protocols 0 to 5; PEP 307, PEP 3154 and CPython's `pickletools`) as data. Python's own reader
 * runs whatever a pickle asks for; this one has a list of names it knows, builds inert values for them, and refuses
 * every other name by its name. Nothing is ever looked up or called.
 */
import { DinogradError } from "../../engine/errors.ts";
import { PickleName, PickleObject, PickleTuple, type PickleValue } from "./pickle_values.ts";
import { attributesOf, isKnownName, reduceKnown } from "./pickle_names.ts";
import { plainOrQuoted, quote } from "../quote.ts";

/** What a file puts in the place of a persistent id: PyTorch's storages. */
export type PersistentLoad = (id: PickleValue) => PickleValue;

/** Thrown when a pickle goes on beyond the bytes at hand; a reader of a long file may fetch more and try again. */
export class PickleTruncated extends DinogradError {
  constructor(place: string, at: number) {
    super("checkpoint", `${place}: expected more bytes after ${at} but the pickle ends there`);
  }
}

/**
 * Reads one pickle from the start of `bytes`. Returns its value and where it ends.
 * @throws PickleTruncated; DinogradError of kind "checkpoint" that names what is refused
 */
export function readPickle(
  bytes: Uint8Array,
  options: { place: string; persistentLoad?: PersistentLoad },
): { value: PickleValue; end: number } {
  return new Unpickler(bytes, options).run();
}

const MARK = Symbol("mark");

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #place: string;
  readonly #persistentLoad: PersistentLoad;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #at = 0;

  constructor(bytes: Uint8Array, options: { place: string; persistentLoad?: PersistentLoad }) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = options.place;
    this.#persistentLoad = options.persistentLoad ?? (() => this.#fail("no persistent id", "one"));
  }

  run(): { value: PickleValue; end: number } {
    for (;;) {
      const opcode = this.#bytes[this.#take(1)];
      if (opcode === 0x2e) return { value: this.#pop(), end: this.#at }; // STOP "."
      this.#step(opcode);
    }
  }

  #step(opcode: number): void {
    const stack = this.#stack;
    switch (String.fromCharCode(opcode)) {
      case "\x80": { // PROTO
        const protocol = this.#bytes[this.#take(1)];
        if (protocol > 5) this.#fail("protocol 0 to 5", `${protocol}`);
        return;
      }
      case "\x95": // FRAME: how far a reader may read ahead
        this.#take(8);
        return;
      case "(":
        stack.push(MARK);
        return;
      case "0":
        stack.pop();
        return;
      case "1":
        this.#popMark();
        return;
      case "2":
        stack.push(this.#top());
        return;
      case "N":
        stack.push(null);
        return;
      case "\x88":
        stack.push(true);
        return;
      case "\x89":
        stack.push(false);
        return;
      case "K":
        stack.push(this.#view.getUint8(this.#take(1)));
        return;
      case "M":
        stack.push(this.#view.getUint16(this.#take(2), true));
        return;
      case "J":
        stack.push(this.#view.getInt32(this.#take(4), true));
        return;
      case "I": {
        const line = this.#line();
        stack.push(line === "01" ? true : line === "00" ? false : this.#integer(line));
        return;
      }
      case "L":
        stack.push(this.#integer(this.#line().replace(/L$/, "")));
        return;
      case "\x8a":
        stack.push(this.#long(this.#view.getUint8(this.#take(1))));
        return;
      case "\x8b":
        stack.push(this.#long(this.#length(4)));
        return;
      case "F": {
        const line = this.#line();
        const special: Record<string, number> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
        const value = special[line] ?? Number(line);
        if (Number.isNaN(value) && line !== "nan") this.#fail("a float", quote(line));
        stack.push(value);
        return;
      }
      case "G":
        stack.push(this.#view.getFloat64(this.#take(8), false));
        return;
      case "X":
        stack.push(this.#string(this.#length(4)));
        return;
      case "\x8c":
        stack.push(this.#string(this.#view.getUint8(this.#take(1))));
        return;
      case "\x8d":
        stack.push(this.#string(this.#length(8)));
        return;
      case "V":
        stack.push(this.#rawUnicode(this.#line()));
        return;
      case "U":
        stack.push(this.#latin1(this.#view.getUint8(this.#take(1))));
        return;
      case "T":
        stack.push(this.#latin1(this.#length(4)));
        return;
      case "S": {
        const line = this.#line();
        const quoted = /^'([^'\\]*)'$|^"([^"\\]*)"$/.exec(line);
        stack.push(quoted ? quoted[1] ?? quoted[2] : this.#fail("a plain quoted string", quote(line)));
        return;
      }
      case "C":
        stack.push(this.#binary(this.#view.getUint8(this.#take(1))));
        return;
      case "B":
        stack.push(this.#binary(this.#length(4)));
        return;
      case "\x8e":
      case "\x96":
        stack.push(this.#binary(this.#length(8)));
        return;
      case "]":
        stack.push([]);
        return;
      case "l":
        stack.push(this.#popMark());
        return;
      case "a": {
        const item = this.#pop();
        this.#list().push(item);
        return;
      }
      case "e": {
        const items = this.#popMark();
        const list = this.#list();
        for (const item of items) list.push(item);
        return;
      }
      case ")":
        stack.push(new PickleTuple([]));
        return;
      case "t":
        stack.push(new PickleTuple(this.#popMark()));
        return;
      case "\x85":
        stack.push(new PickleTuple([this.#pop()]));
        return;
      case "\x86": {
        const second = this.#pop();
        stack.push(new PickleTuple([this.#pop(), second]));
        return;
      }
      case "\x87": {
        const third = this.#pop();
        const second = this.#pop();
        stack.push(new PickleTuple([this.#pop(), second, third]));
        return;
      }
      case "}":
        stack.push(new Map());
        return;
      case "d":
        stack.push(this.#setItems(new Map(), this.#popMark()));
        return;
      case "s": {
        const value = this.#pop();
        const key = this.#pop();
        this.#setItems(this.#dict(), [key, value]);
        return;
      }
      case "u": {
        const items = this.#popMark();
        this.#setItems(this.#dict(), items);
        return;
      }
      case "p":
        this.#memoize(this.#integer(this.#line()));
        return;
      case "q":
        this.#memoize(this.#view.getUint8(this.#take(1)));
        return;
      case "r":
        this.#memoize(this.#view.getUint32(this.#take(4), true));
        return;
      case "\x94":
        this.#memoize(this.#memo.size);
        return;
      case "g":
        stack.push(this.#recall(this.#integer(this.#line())));
        return;
      case "h":
        stack.push(this.#recall(this.#view.getUint8(this.#take(1))));
        return;
      case "j":
        stack.push(this.#recall(this.#view.getUint32(this.#take(4), true)));
        return;
      case "c": {
        const module = this.#line();
        stack.push(this.#name(`${module}.${this.#line()}`));
        return;
      }
      case "\x93": {
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== "string" || typeof module !== "string") {
          this.#fail("a name as two strings", "something else");
        }
        stack.push(this.#name(`${module}.${name}`));
        return;
      }
      case "R":
      case "\x81": {
        const args = this.#pop();
        const callee = this.#pop();
        stack.push(this.#reduce(callee, args));
        return;
      }
      case "\x92": { // NEWOBJ_EX: keyword arguments are for real constructors only
        this.#pop();
        this.#pop();
        return this.#refuse(this.#pop());
      }
      case "b": {
        const state = this.#pop();
        this.#build(this.#top(), state);
        return;
      }
      case "Q":
        stack.push(this.#persistentLoad(this.#pop()));
        return;
      case "P":
        stack.push(this.#persistentLoad(this.#line()));
        return;
      case "i": {
        const module = this.#line();
        return this.#fail("no instance by name (INST)", plainOrQuoted(`${module}.${this.#line()}`));
      }
      case "o": {
        const [callee] = this.#popMark();
        return this.#refuse(callee ?? null);
      }
    }
    this.#fail("a known opcode", `0x${opcode.toString(16).padStart(2, "0")}`);
  }

  #name(name: string): PickleValue {
    if (!isKnownName(name)) {
      this.#fail("only names of plain data and tensors", `${plainOrQuoted(name)}, which is refused`);
    }
    return new PickleName(name);
  }

  #reduce(callee: PickleValue, args: PickleValue): PickleValue {
    if (!(callee instanceof PickleName) || !(args instanceof PickleTuple)) return this.#refuse(callee);
    const result = reduceKnown(callee.name, args.items);
    if (typeof result === "string") return this.#fail(result, "something else");
    return result.value;
  }

  #refuse(callee: PickleValue): never {
    const name = callee instanceof PickleName ? callee.name : "a value";
    return this.#fail("only calls that build plain data and tensors", `a call of ${name}, which is refused`);
  }

  /** BUILD gives an object its attributes. A dict's own attributes (a state dict's `_metadata`) are not data. */
  #build(target: PickleValue, state: PickleValue): void {
    if (target instanceof Map) return;
    if (!(target instanceof PickleObject)) return this.#refuse(target);
    const attributes = attributesOf(state);
    if (attributes === null) {
      return this.#fail(`attributes of ${target.className} as a dict with string keys`, "something else");
    }
    for (const [key, value] of attributes) target.attributes.set(key, value);
  }

  #setItems(dict: Map<PickleValue, PickleValue>, items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
    if (items.length % 2 !== 0) this.#fail("keys and values in pairs", `${items.length} of them`);
    for (let index = 0; index < items.length; index += 2) dict.set(items[index], items[index + 1]);
    return dict;
  }

  #list(): PickleValue[] {
    const top = this.#top();
    return Array.isArray(top) ? top : this.#fail("a list to append to", "something else");
  }

  #dict(): Map<PickleValue, PickleValue> {
    const top = this.#top();
    return top instanceof Map ? top : this.#fail("a dict to set items of", "something else");
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    return value === undefined || value === MARK ? this.#fail("a value on the stack", "none") : value;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) this.#fail("a mark on the stack", "none");
    // Above the last mark there are only values.
    return this.#stack.splice(mark).slice(1) as PickleValue[];
  }

  #memoize(key: number | bigint): void {
    this.#memo.set(Number(key), this.#top());
  }

  #recall(key: number | bigint): PickleValue {
    const value = this.#memo.get(Number(key));
    return value === undefined ? this.#fail("a remembered value", `none under ${key}`) : value;
  }

  #integer(text: string): number | bigint {
    if (!/^[+-]?\d{1,1000}$/.test(text)) this.#fail("an integer", quote(text));
    return narrow(BigInt(text));
  }

  /** An integer of `length` bytes in two's complement, little-endian. */
  #long(length: number): number | bigint {
    if (length > 1024) this.#fail("an integer of at most 1024 bytes", `${length}`);
    const at = this.#take(length);
    let value = 0n;
    for (let index = length - 1; index >= 0; index--) value = (value << 8n) | BigInt(this.#bytes[at + index]);
    return narrow(BigInt.asIntN(length * 8, value));
  }

  #length(size: 4 | 8): number {
    const at = this.#take(size);
    const length = size === 4 ? this.#view.getUint32(at, true) : Number(this.#view.getBigUint64(at, true));
    return Number.isSafeInteger(length) ? length : this.#fail("a length below 2^53", `${length}`);
  }

  #string(length: number): string {
    const at = this.#take(length);
    try {
      return this.#text.decode(this.#bytes.subarray(at, at + length));
    } catch {
      return this.#fail("UTF-8", "bytes that are not");
    }
  }

  #latin1(length: number): string {
    const at = this.#take(length);
    let text = "";
    for (let index = at; index < at + length; index++) text += String.fromCharCode(this.#bytes[index]);
    return text;
  }

  #rawUnicode(line: string): string {
    return line.replace(/\\u([0-9a-f]{4})|\\U([0-9a-f]{8})/gi, (_, short, long) => {
      const code = parseInt(short ?? long, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : this.#fail("a Unicode character", `${code}`);
    });
  }

  #binary(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw new PickleTruncated(this.#place, this.#bytes.length);
    const text = this.#latin1(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  #take(size: number): number {
    if (size > this.#bytes.length - this.#at) throw new PickleTruncated(this.#place, this.#bytes.length);
    const at = this.#at;
    this.#at += size;
    return at;
  }

  #fail(expected: string, found: string): never {
    throw new DinogradError(
      "checkpoint",
      `${this.#place}, pickle byte ${this.#at}: expected ${expected} but found ${found}`,
    );
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
