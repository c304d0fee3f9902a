/**
 * Buffers for tests of WASM kernels, with canaries in front and behind, so that a write out of bounds is seen; and a
 * comparison with float64 that scales with the length of the sums.
 */

import { assertEquals, fail } from "@std/assert";
import type { Buffer } from "../../engine/device/buffer.ts";
import type { WasmRuntime } from "../../engine/device/wasm/runtime/runtime.ts";

const GUARD = 32;
const CANARY = 0x7fc0dead | 0; // a NaN: read by mistake, it spoils the result

export interface Guarded extends Buffer {
  readonly address: number;
  /** What the buffer held when it was made. */
  readonly values: Float32Array;
}

export class GuardedMemory {
  readonly #runtime: WasmRuntime;
  readonly #blocks: { readonly start: number; readonly length: number }[] = [];

  constructor(runtime: WasmRuntime) {
    this.#runtime = runtime;
  }

  readonly addressOf = (buffer: Buffer): number => (buffer as Guarded).address; // only these are used in tests

  /** Numbers between -1 and 1 that depend on the seed alone. */
  random(length: number, seed: number): Guarded {
    const values = new Float32Array(length);
    let state = seed * 2654435761 >>> 0;
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      values[i] = (state >>> 8) / 2 ** 23 - 1;
    }
    return this.#make(values);
  }

  filled(length: number, value: number): Guarded {
    return this.#make(new Float32Array(length).fill(value));
  }

  read(buffer: Guarded): Float32Array {
    const start = buffer.address / 4;
    return this.#runtime.floats.slice(start, start + buffer.length);
  }

  assertGuards(label: string): void {
    for (const { start, length } of this.#blocks) {
      const ints = this.#runtime.ints;
      for (let i = 0; i < GUARD; i++) {
        assertEquals(ints[start + i], CANARY, `${label}: wrote ${GUARD - i} before a buffer`);
        assertEquals(ints[start + GUARD + length + i], CANARY, `${label}: wrote ${i} behind a buffer`);
      }
    }
  }

  free(): void {
    for (const { start } of this.#blocks) this.#runtime.free(start * 4);
    this.#blocks.length = 0;
  }

  #make(values: Float32Array): Guarded {
    const start = this.#runtime.allocate((values.length + 2 * GUARD) * 4) / 4;
    this.#runtime.ints.fill(CANARY, start, start + 2 * GUARD + values.length);
    this.#runtime.floats.set(values, start + GUARD);
    this.#blocks.push({ start, length: values.length });
    return { length: values.length, address: (start + GUARD) * 4, values };
  }
}

/** A few units in the last place of float32 for sums of numbers up to `scale`. */
const TOLERANCE = 2e-6;

export function assertNear(
  found: Float32Array,
  expected: Float64Array,
  { scale, label }: { readonly scale: number; readonly label: string },
): void {
  assertEquals(found.length, expected.length);
  for (let i = 0; i < found.length; i++) {
    const error = Math.abs(found[i] - expected[i]);
    // Written so that NaN fails too; the message is only made when needed.
    if (!(error <= TOLERANCE * scale)) fail(`${label}: expected ${expected[i]} at ${i} but found ${found[i]}`);
  }
}
