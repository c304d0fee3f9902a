/**
 * A WebAssembly assembler: kernels are written as TypeScript that emits instructions, and become bytes at run time, so
 * the repository holds no binaries. A `WasmFunction` collects instructions through chained calls in stack order:
 *
 *     f.get(a).get(b).op("f32x4.add").set(sum)          // sum = a + b
 *
 * `assemble` makes a module of the exported functions and all they call, which imports one memory as "env"."memory".
 * Binary format: https://webassembly.github.io/spec/core/binary/
 */

import {
  LANE,
  type LaneOp,
  MEMORY,
  MEMORY_LANE,
  type MemoryLaneOp,
  type MemoryOp,
  PLAIN,
  type PlainOp,
} from "./opcodes.ts";

export type WasmType = "i32" | "i64" | "f32" | "f64" | "v128";
/** A parameter or local of a function, by number. */
export type Local = number;
/** The target of a branch: the end of a `block`, the start of a `loop`. */
interface Label {
  readonly depth: number;
}

const TYPE_CODES: Record<WasmType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const NO_RESULT = 0x40;
/** The most 64 KiB pages a 32-bit memory can have: 4 GiB. */
export const MAXIMUM_PAGES = 65536;
/**
 * The pages that a module may count on. An engine without guard pages compares every address with the memory's size;
 * it leaves out what it can prove, and a constant address below this bound it can.
 */
export const MINIMUM_PAGES = 16;

/** Bytes of memory that each thread has for itself at addresses that are constants of its code: see `ownMemory`. */
export const OWN_BYTES = 2048;
/** Where the first thread's own memory starts; that of the others follows. */
export const OWN_START = 4096;
/** Bytes of an offset that is written so that any address fits. */
const PADDED = 5;

/** An offset into the thread's own memory, which is an address only when the thread is known. */
interface OwnOffset {
  readonly own: number;
}

export class WasmFunction {
  readonly params: readonly Local[];
  readonly #types: WasmType[];
  /** Bytes, callees whose number is known only when the module is put together, and places in the thread's own memory. */
  readonly #code: (number | WasmFunction | OwnOffset)[] = [];
  /** Runs before `#code`: sets the constants that were asked for with `hoisted`. */
  readonly #prologue: number[] = [];
  readonly #hoisted = new Map<string, Local>();
  readonly #names = new Map<Local, string>();
  #depth = 0;

  constructor(
    readonly name: string,
    readonly signature: { readonly params: readonly WasmType[]; readonly results?: readonly WasmType[] },
  ) {
    this.#types = [...signature.params];
    this.params = signature.params.map((_, i) => i);
  }

  local(type: WasmType): Local {
    return this.#types.push(type) - 1;
  }
  locals(type: WasmType, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(type));
  }
  /** Names a parameter or local for people who read the text (`text.ts`); the bytes do not hold it. Returns the local. */
  named(local: Local, name: string): Local {
    this.#names.set(local, name);
    return local;
  }
  /** What a local is called, if anything. */
  nameOf(local: Local): string | undefined {
    return this.#names.get(local);
  }

  get(local: Local): this {
    return this.#emit(0x20, ...unsigned(local));
  }
  set(local: Local): this {
    return this.#emit(0x21, ...unsigned(local));
  }
  /** Sets the local and leaves the value on the stack. */
  tee(local: Local): this {
    return this.#emit(0x22, ...unsigned(local));
  }
  /** local += amount, for i32. */
  increase(local: Local, amount: number): this {
    return this.get(local).i32(amount).op("i32.add").set(local);
  }

  i32(value: number): this {
    return this.#emit(0x41, ...signed(value));
  }
  f32(value: number): this {
    return this.#emit(0x43, ...bytesOf(new Float32Array([value])));
  }
  f64(value: number): this {
    return this.#emit(0x44, ...bytesOf(new Float64Array([value])));
  }
  /** A v128 constant: one number for all four lanes, or four. */
  f32x4(value: number | readonly number[]): this {
    const lanes = typeof value === "number" ? [value, value, value, value] : value;
    return this.#instruction(0xfd00c).#emit(...bytesOf(new Float32Array(lanes)));
  }
  i32x4(value: number | readonly number[]): this {
    const lanes = typeof value === "number" ? [value, value, value, value] : value;
    return this.#instruction(0xfd00c).#emit(...bytesOf(new Int32Array(lanes)));
  }

  /**
   * A local that holds a vector constant from the start of the function on. Building one takes the processor several
   * instructions, which do not belong into a loop.
   */
  hoisted(value: number | readonly number[], lanes: "f32x4" | "i32x4" = "f32x4"): Local {
    const four = typeof value === "number" ? [value, value, value, value] : value;
    const bytes = bytesOf(lanes === "f32x4" ? new Float32Array(four) : new Int32Array(four));
    const key = bytes.join();
    const known = this.#hoisted.get(key);
    if (known !== undefined) return known;
    const local = this.local("v128");
    this.#hoisted.set(key, local);
    this.#prologue.push(0xfd, 0x0c, ...bytes, 0x21, ...unsigned(local));
    return local;
  }

  /** An instruction without immediates. */
  op(name: PlainOp): this {
    return this.#instruction(PLAIN[name]);
  }
  /** A load or store at the address on the stack plus `offset` bytes. Alignment is only a hint: 4 bytes are promised. */
  memory(name: MemoryOp, offset = 0): this {
    const align = name.endsWith("8") || name.endsWith("8_u") ? 0 : name.includes("16") ? 1 : 2;
    return this.#instruction(MEMORY[name]).#emit(align, ...unsigned(offset));
  }
  /**
   * A load or store at byte `offset` of the `OWN_BYTES` that only the running thread uses. The address on the stack must
   * be the constant `i32(0)`: nothing is computed and nothing is checked when the code runs.
   */
  ownMemory(name: MemoryOp, offset: number): this {
    this.#instruction(MEMORY[name]).#emit(2).#code.push({ own: offset });
    return this;
  }
  memoryLane(name: MemoryLaneOp, options: { readonly lane: number; readonly offset?: number }): this {
    return this.#instruction(MEMORY_LANE[name]).#emit(2, ...unsigned(options.offset ?? 0), options.lane);
  }
  lane(name: LaneOp, lane: number): this {
    return this.#instruction(LANE[name]).#emit(lane);
  }
  /** Four 32-bit lanes picked from two vectors: 0-3 from the first, 4-7 from the second. */
  shuffle(lanes: readonly number[]): this {
    return this.shuffleBytes(lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)));
  }
  /** Sixteen bytes picked from two vectors: 0-15 from the first, 16-31 from the second. */
  shuffleBytes(bytes: readonly number[]): this {
    return this.#instruction(0xfd00d).#emit(...bytes);
  }
  /** Takes destination, byte value and byte count from the stack. */
  memoryFill(): this {
    return this.#instruction(0xfc0b).#emit(0);
  }
  call(callee: WasmFunction): this {
    this.#code.push(0x10, callee);
    return this;
  }

  /** Runs the body; a branch to the label leaves it. */
  block(body: (exit: Label) => void): this {
    return this.#structure(0x02, body);
  }
  /** Runs the body once; a branch to the label starts it again. */
  loop(body: (again: Label) => void): this {
    return this.#structure(0x03, body);
  }
  /** Takes an i32 from the stack. */
  if(whenTrue: () => void, whenFalse?: () => void): this {
    return this.#structure(0x04, () => {
      whenTrue();
      if (!whenFalse) return;
      this.#emit(0x05);
      whenFalse();
    });
  }
  /** Takes an i32 from the stack. */
  branchIf(label: Label): this {
    return this.#emit(0x0d, ...unsigned(this.#depth - label.depth));
  }
  /**
   * For i = start; i < end (signed); i += step: the body. `start` and `end` push an i32 (and `end` is asked each time
   * round, so give it a local or a constant).
   */
  forRange(
    i: Local,
    options: { readonly start: () => void; readonly end: () => void; readonly step?: number },
    body: () => void,
  ): this {
    options.start();
    this.set(i).get(i);
    options.end();
    // Tested at the top once and then at the bottom: one branch per round.
    return this.op("i32.lt_s").if(() => {
      this.loop((again) => {
        body();
        this.get(i).i32(options.step ?? 1).op("i32.add").tee(i);
        options.end();
        this.op("i32.lt_s").branchIf(again);
      });
    });
  }

  /** The functions that this one calls. */
  get callees(): Set<WasmFunction> {
    return new Set(this.#code.filter((part) => part instanceof WasmFunction));
  }

  /** The entry of the code section, and where offsets into a thread's own memory stand in it. */
  encode(numberOf: ReadonlyMap<WasmFunction, number>): { readonly bytes: number[]; readonly own: readonly number[] } {
    const declared = this.#types.slice(this.params.length).map((type) => [1, TYPE_CODES[type]]);
    const out = vector(declared).concat(this.#prologue);
    const own: number[] = [];
    for (const part of this.#code) {
      if (typeof part === "number") out.push(part);
      else if (part instanceof WasmFunction) out.push(...unsigned(expectDefined(numberOf.get(part))));
      else {
        own.push(out.length);
        out.push(...padded(OWN_START + part.own));
      }
    }
    out.push(0x0b);
    const length = unsigned(out.length);
    return { bytes: length.concat(out), own: own.map((place) => length.length + place) };
  }

  #emit(...bytes: number[]): this {
    for (const byte of bytes) this.#code.push(byte);
    return this;
  }
  #instruction(code: number): this {
    if (code >= 0xfd000) return this.#emit(0xfd, ...unsigned(code - 0xfd000));
    if (code >= 0xfc00) return this.#emit(0xfc, ...unsigned(code - 0xfc00));
    return this.#emit(code);
  }
  #structure(code: number, body: (label: Label) => void): this {
    this.#emit(code, NO_RESULT);
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    return this.#emit(0x0b);
  }
}

interface AssembleOptions {
  /** Whether the memory that will be imported is shared; `runtime.sharedMemory` tells. Default true. */
  readonly sharedMemory?: boolean;
  /** Pages that the memory has at least; default `MINIMUM_PAGES`. */
  readonly minimumPages?: number;
}

/**
 * A module that exports the given functions under their names and holds all that they call. Its last section lists where
 * addresses of the thread's own memory stand, as u32 with their count at the very end: as written they are those of the
 * first thread; thread t adds t * `OWN_BYTES` to each before it compiles the module.
 */
export function assemble(exports: readonly WasmFunction[], options: AssembleOptions = {}): Uint8Array<ArrayBuffer> {
  const functions = new Set(exports);
  for (const f of functions) f.callees.forEach((callee) => functions.add(callee)); // a Set also visits what is added
  const all = [...functions];
  const numberOf = new Map(all.map((f, i) => [f, i]));
  const minimum = unsigned(options.minimumPages ?? MINIMUM_PAGES);
  const limits = options.sharedMemory ?? true ? [3, ...minimum, ...unsigned(MAXIMUM_PAGES)] : [0, ...minimum];
  const typeList = (types: readonly WasmType[]) => vector(types.map((type) => [TYPE_CODES[type]]));
  const parts = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, all.map(({ signature }) => [0x60, ...typeList(signature.params), ...typeList(signature.results ?? [])])),
    section(2, [[...text("env"), ...text("memory"), 2, ...limits]]),
    section(3, all.map((_, i) => unsigned(i))),
    section(7, exports.map((f) => [...text(f.name), 0, ...unsigned(expectDefined(numberOf.get(f)))])),
  ];
  const entries = all.map((f) => f.encode(numberOf));
  const code = section(10, entries.map(({ bytes }) => bytes));
  const own: number[] = [];
  // Entries stand at the end of their section, one behind the other.
  let place = lengthOf(parts) + code.length - lengthOf(entries.map(({ bytes }) => bytes));
  for (const entry of entries) {
    for (const offset of entry.own) own.push(place + offset);
    place += entry.bytes.length;
  }
  parts.push(code, ownSection(own));
  const bytes = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const lengthOf = (parts: readonly (readonly number[])[]) => parts.reduce((length, part) => length + part.length, 0);

/** A custom section, which engines pass over. */
function ownSection(places: readonly number[]): number[] {
  const words = new Uint32Array([...places, places.length]); // little-endian, as every machine that runs this is
  const body = [...text("own"), ...new Uint8Array(words.buffer)];
  return [0, ...unsigned(body.length)].concat(body);
}

/** LEB128 in five bytes, whatever the value, so that a thread can write another over it. */
function padded(value: number): number[] {
  return Array.from({ length: PADDED }, (_, i) => (value >>> (7 * i) & 0x7f) | (i < PADDED - 1 ? 0x80 : 0));
}

/** LEB128, seven bits a byte. */
function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return out;
}

function signed(value: number): number[] {
  const out: number[] = [];
  let rest = value | 0;
  while (true) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    out.push(done ? low : low | 0x80);
    if (done) return out;
  }
}

function bytesOf(numbers: Float32Array | Float64Array | Int32Array): Uint8Array {
  return new Uint8Array(numbers.buffer);
}

/** Elements with their count in front. Flattened without spreading: function bodies are long. */
function vector(elements: readonly (readonly number[])[]): number[] {
  return [...unsigned(elements.length), ...elements.flat()];
}

function section(id: number, elements: readonly (readonly number[])[]): number[] {
  const body = vector(elements);
  return [id, ...unsigned(body.length)].concat(body);
}

function text(name: string): number[] {
  const bytes = new TextEncoder().encode(name);
  return [...unsigned(bytes.length), ...bytes];
}

function expectDefined(number: number | undefined): number {
  if (number === undefined) throw new Error("assemble: expected a function of this module but found another");
  return number;
}
