/**
 * Runs a scenario on the float64 oracle and on the GPU and compares. Where there is no adapter at all (not even a
 * software one), the tests that need one are skipped and say so, or fail where `helpers/webgpu.ts` requires one;
 * `null_backend_test.ts` runs everywhere.
 */

import { assert, assertEquals } from "@std/assert";
import type { TensorData } from "../../engine/dtype.ts";
import type { Buffer } from "../../engine/device/buffer.ts";
import type { Device } from "../../engine/device/device.ts";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import { findAdapter } from "../../engine/device/webgpu/adapter.ts";
import type { WebGpuOptions } from "../../engine/device/webgpu/create.ts";
import type { WebGpuDevice } from "../../engine/device/webgpu/device.ts";
import { openTestGpu, pollGently, webGpuRequired } from "./webgpu.ts";

/** A few roundings of float32 (6e-8 each) per result. */
export const FLOAT32 = 1e-6;

pollGently();
const skipped = await findAdapter() === undefined && !webGpuRequired();

/** A test with a WebGPU device of its own, which is destroyed afterwards. */
export function gpuTest(name: string, run: (gpu: WebGpuDevice) => Promise<void>, options: WebGpuOptions = {}): void {
  Deno.test({
    name: skipped ? `${name} (skipped: no WebGPU adapter)` : name,
    ignore: skipped,
    // Dawn's native callbacks are no resources of Deno's.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const gpu = await openTestGpu(options);
      try {
        await run(gpu);
      } finally {
        await gpu.destroy();
      }
    },
  });
}

/** Buffers of a scenario by what they hold. */
export class Bench {
  constructor(readonly device: Device) {}

  put(data: TensorData): Buffer {
    const buffer = this.device.allocate(data.length);
    this.device.upload(buffer, data);
    return buffer;
  }
  /** Filled with a number that no result has, so that what is not written shows. */
  empty(length: number): Buffer {
    return this.put(new Float32Array(length).fill(-777));
  }
  floats(buffer: Buffer, length: number): Promise<TensorData> {
    return this.device.download(buffer, "f32", length);
  }
  ints(buffer: Buffer, length: number): Promise<TensorData> {
    return this.device.download(buffer, "i32", length);
  }
}

/**
 * The scale for sums of `count` products of numbers in -1..1 that are added one by one: the partial sums have size
 * sqrt(count) / 3 and each addition is off by up to 6e-8 of them, so errors, as random as the numbers, reach a few
 * times count * 1e-8.
 */
export function serialSum(count: number): number {
  return 1 + count / 20;
}

export type Scenario = (bench: Bench) => Promise<readonly TensorData[]>;

/**
 * Every result within `tolerance` times max(|expected|, scale), infinities and NaN equal; and a second run on the GPU
 * gives the same bits.
 */
export async function compare(
  gpu: WebGpuDevice,
  scenario: Scenario,
  options: { readonly tolerance?: number; readonly scale?: number } = {},
): Promise<void> {
  const { tolerance = FLOAT32, scale = 1 } = options;
  const expected = await scenario(new Bench(new ReferenceDevice()));
  const first = await scenario(new Bench(gpu));
  const second = await scenario(new Bench(gpu));
  assertEquals(first.map(bitsOf), second.map(bitsOf), "two runs differ in their bits");
  expected.forEach((want, result) => {
    const got = first[result];
    assertEquals(got.length, want.length);
    for (let i = 0; i < want.length; i++) {
      const error = Math.abs(got[i] - want[i]);
      const fine = Object.is(got[i], want[i]) || error <= tolerance * Math.max(Math.abs(want[i]), scale);
      assert(fine, `result ${result}, element ${i}: expected ${want[i]} but found ${got[i]}`);
    }
  });
}

export function bitsOf(data: TensorData): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4);
}

/** Numbers in -1..1 that look random and are the same in every run. */
export function numbers(length: number, seed = 1): Float32Array {
  let state = seed * 0x9e3779b9 >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}
