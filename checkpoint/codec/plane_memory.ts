/**
 * The memory in which chunks are encoded and decoded, and the kernels that work on it. There is one per thread: workers
 * have their own, and fresh memory costs more than the work.
 */
import { assemble } from "../../engine/kernel/wasm/assembler.ts";
import {
  countBytes,
  findRuns,
  MARGIN,
  mergePlanes,
  packLiterals,
  splitPlanes,
  TABLE_BITS,
  unpackLiterals,
} from "./plane_kernels.ts";

/** Where tables lie; data begins behind them. */
export const DECODE_TABLE = 0;
export const HISTOGRAMS = DECODE_TABLE + (8 << TABLE_BITS);
export const PAIR_CODES = HISTOGRAMS + 4 * 1024;
export const STATE = PAIR_CODES + 4 * 65536;
const DATA = STATE + 64;

const PAGE = 65536;
/** Pages for the tables; data makes the memory grow. */
const PAGES = Math.ceil(DATA / PAGE);

/** The functions of `plane_kernels.ts`; addresses and counts are in bytes. */
interface PlaneKernels {
  splitPlanes(raw: number, count: number, planes: number): void;
  mergePlanes(raw: number, count: number, first: number, second: number, third: number, fourth: number): void;
  countBytes(bytes: number, count: number, histograms: number): void;
  findRuns(bytes: number, count: number, tokens: number, histogram: number): number;
  packLiterals(bytes: number, count: number, pairs: number, out: number, held: number, bits: number): number;
  unpackLiterals(
    stream: number,
    bit: number,
    end: number,
    out: number,
    outEnd: number,
    table: number,
    state: number,
  ): void;
}

/** A thread's memory with its kernels. */
export class PlaneMemory {
  static #own: PlaneMemory | undefined;
  readonly kernels: PlaneKernels;
  readonly #memory = new WebAssembly.Memory({ initial: PAGES });
  #bytes: Uint8Array;

  private constructor() {
    const functions = [splitPlanes(), mergePlanes(), countBytes(), findRuns(), packLiterals(), unpackLiterals()];
    const module = new WebAssembly.Module(assemble(functions, { sharedMemory: false, minimumPages: PAGES }));
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    // The module exports exactly these functions.
    this.kernels = exports as unknown as PlaneKernels;
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  /** The one of the thread that asks; made at the first call. */
  static own(): PlaneMemory {
    return PlaneMemory.#own ??= new PlaneMemory();
  }

  /** The same, or null where there is no WebAssembly, as in a browser that is locked down. */
  static ownIfPossible(): PlaneMemory | null {
    return typeof WebAssembly === "undefined" ? null : PlaneMemory.own();
  }

  /** All of the memory, valid until `reserve` is called again. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Makes room for areas of the given sizes, each followed by a margin; returns where they begin. */
  reserve(...sizes: readonly number[]): number[] {
    const places: number[] = [];
    let end = DATA;
    for (const size of sizes) {
      places.push(end);
      end += Math.ceil((size + MARGIN) / MARGIN) * MARGIN;
    }
    if (end > this.#bytes.length) {
      this.#memory.grow(Math.ceil((end - this.#bytes.length) / PAGE));
      this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    return places;
  }

  /** A little-endian table of `count` u32 at a place. */
  words(at: number, count: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, at, count);
  }
}
