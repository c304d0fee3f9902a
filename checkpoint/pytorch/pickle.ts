/**
 * Reads Python pickles (protocols 0 to 5; PEP 307, PEP 3154 and CPython's `pickletools`) as data. Python's own reader
 * runs whatever a pickle asks for; this one has a list of names it knows and builds inert values for them. Of what is
 * made with any other name, the name alone is kept, and names that only an attack asks for are refused. Nothing is ever
 * looked up or called. It has no recursion, and what it builds takes memory in proportion to the pickle's length and no
 * more than a fixed amount.
 */
import { describe } from "../../engine/describe.ts";
import { COST, PickleBudget } from "./pickle_budget.ts";
import { PickleName, PickleObject, PickleOpaque, PickleTuple, type PickleValue } from "./pickle_values.ts";
import { isHashable, isKnownName, reduceKnown, setAttributes } from "./pickle_names.ts";
import { isHostileName } from "./hostile_names.ts";
import { PickleSource } from "./pickle_source.ts";
import { plainOrQuoted } from "../quote.ts";

/** What a file puts in the place of a persistent id: PyTorch's storages. */
export type PersistentLoad = (id: PickleValue) => PickleValue;

/**
 * Reads one pickle from the start of `bytes`. Returns its value and where it ends.
 * @throws PickleTruncated
 * @throws {DinogradError} of kind "checkpoint" that names what is refused
 */
export function readPickle(
  bytes: Uint8Array,
  options: { place: string; persistentLoad?: PersistentLoad },
): { value: PickleValue; end: number } {
  return new Unpickler(bytes, options).run();
}

const MARK = Symbol("mark");

/** Values by number. Picklers count up, so that a list holds them; numbers that leave gaps are kept apart. */
class Memo {
  readonly #inOrder: PickleValue[] = [];
  readonly #others = new Map<number, PickleValue>();

  get size(): number {
    return this.#inOrder.length + this.#others.size;
  }

  get(key: number): PickleValue | undefined {
    return key < this.#inOrder.length ? this.#inOrder[key] : this.#others.get(key);
  }

  set(key: number, value: PickleValue): void {
    if (key < this.#inOrder.length) this.#inOrder[key] = value;
    else if (key > this.#inOrder.length || this.#others.has(key)) this.#others.set(key, value);
    else this.#inOrder.push(value);
  }
}

class Unpickler {
  readonly #source: PickleSource;
  readonly #budget: PickleBudget;
  readonly #persistentLoad: PersistentLoad;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Memo();

  constructor(bytes: Uint8Array, options: { place: string; persistentLoad?: PersistentLoad }) {
    this.#source = new PickleSource(bytes, options.place);
    this.#budget = new PickleBudget(bytes.length, (expected, found) => this.#fail(expected, found));
    this.#persistentLoad = options.persistentLoad ?? (() => this.#fail("no persistent id", "one"));
  }

  run(): { value: PickleValue; end: number } {
    for (;;) {
      const opcode = this.#source.byte();
      if (opcode === 0x2e) return { value: this.#pop(), end: this.#source.at }; // STOP "."
      this.#step(opcode);
    }
  }

  #step(opcode: number): void {
    const source = this.#source;
    switch (String.fromCharCode(opcode)) {
      case "\x80": { // PROTO
        const protocol = source.byte();
        if (protocol > 5) this.#fail("protocol 0 to 5", `${protocol}`);
        return;
      }
      case "\x95": // FRAME: how far a reader may read ahead
        return source.skip(8);
      case "(":
        return this.#push(MARK, COST.value);
      case "0":
        this.#stack.pop();
        return;
      case "1":
        this.#popMark();
        return;
      case "2":
        return this.#push(this.#top(), COST.value);
      case "N":
        return this.#push(null, COST.value);
      case "\x88":
        return this.#push(true, COST.value);
      case "\x89":
        return this.#push(false, COST.value);
      case "K":
        return this.#push(source.byte(), COST.value);
      case "M":
        return this.#push(source.uint16(), COST.value);
      case "J":
        return this.#push(source.int32(), COST.number);
      case "I": {
        const line = source.line();
        return this.#push(line === "01" ? true : line === "00" ? false : source.integer(line), COST.number);
      }
      case "L":
        return this.#push(source.integerLine("L"), COST.number);
      case "\x8a":
        return this.#long(source.byte());
      case "\x8b":
        return this.#long(source.uint32());
      case "F":
        return this.#push(source.floatLine(), COST.number);
      case "G":
        return this.#push(source.float64(), COST.number);
      case "X":
        return this.#text(source.utf8(source.uint32()));
      case "\x8c":
        return this.#text(source.utf8(source.byte()));
      case "\x8d":
        return this.#text(source.utf8(source.length64()));
      case "V":
        return this.#text(source.unicodeLine());
      case "U":
        return this.#text(source.latin1(source.byte()));
      case "T":
        return this.#text(source.latin1(source.uint32()));
      case "S":
        return this.#text(source.quotedLine());
      case "C":
        return this.#binary(source.byte());
      case "B":
        return this.#binary(source.uint32());
      case "\x8e":
      case "\x96":
        return this.#binary(source.length64());
      case "]":
        return this.#push([], COST.list);
      case "l":
        return this.#push(this.#popMark(), COST.list);
      case "a": {
        const item = this.#pop();
        if (this.#top() instanceof PickleOpaque) return;
        this.#budget.spend(COST.value);
        this.#list().push(item);
        return;
      }
      case "e": {
        const items = this.#popMark();
        if (this.#top() instanceof PickleOpaque) return;
        const list = this.#list();
        this.#budget.spend(COST.value * items.length);
        for (const item of items) list.push(item);
        return;
      }
      case ")":
        return this.#tuple([]);
      case "t":
        return this.#tuple(this.#popMark());
      case "\x85":
        return this.#tuple([this.#pop()]);
      case "\x86": {
        const second = this.#pop();
        return this.#tuple([this.#pop(), second]);
      }
      case "\x87": {
        const third = this.#pop();
        const second = this.#pop();
        return this.#tuple([this.#pop(), second, third]);
      }
      case "}":
        return this.#push(new Map(), COST.dict);
      case "d":
        return this.#push(this.#setItems(new Map(), this.#popMark()), COST.dict);
      case "s": {
        const value = this.#pop();
        const key = this.#pop();
        if (!(this.#top() instanceof PickleOpaque)) this.#setItems(this.#dict(), [key, value]);
        return;
      }
      case "u": {
        const items = this.#popMark();
        if (!(this.#top() instanceof PickleOpaque)) this.#setItems(this.#dict(), items);
        return;
      }
      case "p":
        return this.#memoize(source.integerLine());
      case "q":
        return this.#memoize(source.byte());
      case "r":
        return this.#memoize(source.uint32());
      case "\x94":
        return this.#memoize(this.#memo.size);
      case "g":
        return this.#recall(source.integerLine());
      case "h":
        return this.#recall(source.byte());
      case "j":
        return this.#recall(source.uint32());
      case "c": {
        const module = source.line();
        return this.#name(`${module}.${source.line()}`);
      }
      case "\x93": {
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== "string" || typeof module !== "string") {
          this.#fail("a name as two strings", "something else");
        }
        return this.#name(`${module}.${name}`);
      }
      case "R":
      case "\x81": {
        const args = this.#pop();
        const callee = this.#pop();
        return this.#reduce(callee, args);
      }
      case "\x92": { // NEWOBJ_EX: keyword arguments are for real constructors only
        this.#pop();
        this.#pop();
        const callee = this.#pop();
        return callee instanceof PickleOpaque ? this.#opaque(callee.maker) : this.#refuse(callee);
      }
      case "b": {
        const state = this.#pop();
        return this.#build(this.#top(), state);
      }
      case "Q":
        return this.#push(this.#persistentLoad(this.#pop()), COST.object);
      case "P":
        return this.#push(this.#persistentLoad(source.line()), COST.object);
      case "i": {
        const module = source.line();
        return this.#fail("no instance by name (INST)", plainOrQuoted(`${module}.${source.line()}`));
      }
      case "o": {
        const [callee] = this.#popMark();
        return this.#refuse(callee ?? null);
      }
    }
    this.#fail("a known opcode", `0x${opcode.toString(16).padStart(2, "0")}`);
  }

  #push(value: PickleValue | typeof MARK, cost: number): void {
    this.#budget.spend(cost);
    this.#stack.push(value);
  }

  #text(text: string): void {
    this.#push(text, COST.text + 2 * text.length);
  }

  #long(length: number): void {
    this.#push(this.#source.long(length), COST.number + length);
  }

  #binary(length: number): void {
    this.#push(this.#source.binary(length), COST.bytes + length);
  }

  #tuple(items: PickleValue[]): void {
    this.#push(new PickleTuple(items), COST.tuple + COST.value * items.length);
  }

  #name(name: string): void {
    if (isHostileName(name)) {
      this.#fail("only names of plain data and tensors", `${plainOrQuoted(name)}, which is refused`);
    }
    this.#push(isKnownName(name) ? new PickleName(name) : new PickleOpaque(name), COST.tuple + 2 * name.length);
  }

  #opaque(maker: string): void {
    this.#push(new PickleOpaque(maker), COST.tuple);
  }

  #reduce(callee: PickleValue, args: PickleValue): void {
    if (callee instanceof PickleOpaque) {
      // Old protocols make objects of a class by a function that is given the class.
      const first = args instanceof PickleTuple ? args.items[0] : undefined;
      const isMaker = callee.maker === "copy_reg._reconstructor" && first instanceof PickleOpaque;
      return this.#opaque(isMaker ? first.maker : callee.maker);
    }
    if (!(callee instanceof PickleName) || !(args instanceof PickleTuple)) return this.#refuse(callee);
    const result = reduceKnown(callee.name, args.items, this.#budget);
    if (typeof result === "string") return this.#fail(result, "something else");
    this.#push(result.value, COST.object);
  }

  #refuse(callee: PickleValue): never {
    const name = callee instanceof PickleName ? callee.name : "a value";
    return this.#fail("only calls that build plain data and tensors", `a call of ${name}, which is refused`);
  }

  /** BUILD gives an object its attributes. A dict's own attributes (a state dict's `_metadata`) are not data. */
  #build(target: PickleValue, state: PickleValue): void {
    if (target instanceof Map || target instanceof PickleOpaque) return;
    if (!(target instanceof PickleObject)) return this.#refuse(target);
    this.#budget.spend(state instanceof Map ? COST.entry * state.size : 0); // also where they replace what was there
    if (!setAttributes(target, state)) {
      this.#fail(`attributes of ${target.className} as a dict with string keys`, "something else");
    }
  }

  #setItems(dict: Map<PickleValue, PickleValue>, items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
    if (items.length % 2 !== 0) this.#fail("keys and values in pairs", `${items.length} of them`);
    this.#budget.spend(COST.entry * items.length / 2);
    for (let index = 0; index < items.length; index += 2) {
      const key = items[index];
      if (!isHashable(key)) this.#fail("keys of a dict that Python can hash", Array.isArray(key) ? "a list" : "a dict");
      dict.set(key, items[index + 1]);
    }
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
    this.#budget.spend(COST.entry);
    if (typeof key !== "number" || key < 0) this.#fail("a natural number to remember a value by", describe(key));
    this.#memo.set(key, this.#top());
  }

  #recall(key: number | bigint): void {
    const value = typeof key === "number" ? this.#memo.get(key) : undefined;
    this.#push(
      value === undefined ? this.#fail("a remembered value", `none under ${describe(key)}`) : value,
      COST.value,
    );
  }

  #fail(expected: string, found: string): never {
    return this.#source.fail(expected, found);
  }
}
