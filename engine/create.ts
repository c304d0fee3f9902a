/** Tensors made of a rule instead of data. All are f32 unless they say otherwise. */

import { ArgumentError } from "./errors.ts";
import type { Device } from "./device/device.ts";
import type { DType } from "./dtype.ts";
import type { RandomStream } from "./random.ts";
import { type Shape, sizeOf } from "./shape.ts";
import { full, type Tensor, tensor } from "./tensor.ts";

/**
 * A tensor of ones.
 *
 * @category Tensors
 */
export const ones = (device: Device, shape: Shape): Tensor => full(device, shape, 1);

/**
 * Ones on the diagonal of zeros: [rows, columns], by default as many columns as rows.
 *
 * @category Tensors
 */
export function eye(device: Device, rows: number, columns = rows): Tensor {
  const values = new Float32Array(sizeOf([rows, columns]));
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  return tensor(device, values, [rows, columns]);
}

/**
 * Where a progression begins and how it goes on.
 *
 * @category Tensors
 */
export interface ArangeOptions {
  /** The first number. Default 0. */
  readonly start?: number;
  /** From one to the next; not 0, negative to go down. Default 1. */
  readonly step?: number;
  /** Default f32. */
  readonly dtype?: DType;
}

/**
 * The numbers start, start + step, … before `end`, as one axis. Each is computed by itself, so that rounding does not add
 * up.
 *
 * ```ts
 * import { arange, createCpuDevice } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * console.log(await arange(device, 10, { start: 4, step: 2 }).data()); // [ 4, 6, 8 ]
 * await device.destroy();
 * ```
 *
 * @throws {RangeError} for a step of 0, and for fractions where integers are wanted
 * @category Tensors
 */
export function arange(device: Device, end: number, options: ArangeOptions = {}): Tensor {
  const { start = 0, step = 1, dtype = "f32" } = options;
  const length = Math.max(0, Math.ceil((end - start) / step));
  if (step === 0 || !Number.isFinite(length)) {
    throw new ArgumentError(`arange: expected a step from ${start} to ${end} but found ${step}`);
  }
  if (dtype === "i32" && !(Number.isInteger(start) && Number.isInteger(step))) {
    throw new ArgumentError(`arange: expected integers but found ${start} and a step of ${step}`);
  }
  const numbers = Array.from({ length }, (_, i) => start + i * step);
  return tensor(device, dtype === "i32" ? Int32Array.from(numbers) : numbers);
}

/**
 * A stretch of numbers.
 *
 * @category Tensors
 */
export interface LinspaceOptions {
  /** The first of the `count` numbers. */
  readonly start: number;
  /** The last of them, which is reached exactly. */
  readonly end: number;
  /** How many numbers there are, both ends included; at least 1, which is `start` alone. */
  readonly count: number;
}

/**
 * Evenly spaced numbers from `start` to `end`, both exactly, as one axis.
 *
 * @throws {RangeError} for a count that is no whole number of at least 1
 * @category Tensors
 */
export function linspace(device: Device, { start, end, count }: LinspaceOptions): Tensor {
  if (!Number.isInteger(count) || count < 1) {
    throw new ArgumentError(`linspace: expected a count of at least 1 but found ${count}`);
  }
  // A weighted mean is exact at both ends.
  const share = (i: number) => count === 1 ? 0 : i / (count - 1);
  return tensor(device, Array.from({ length: count }, (_, i) => start * (1 - share(i)) + end * share(i)));
}

/**
 * Uniform in [0, 1), the next numbers of a stream: the same ones on every device.
 *
 * @category Tensors
 */
export const rand = (device: Device, shape: Shape, random: RandomStream): Tensor =>
  tensor(device, random.uniforms(new Float32Array(sizeOf(shape))), shape);

/**
 * Standard normal, the next numbers of a stream: the same ones on every device.
 *
 * ```ts
 * import { createCpuDevice, randn, RandomStream } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = randn(device, [1000], RandomStream.named(7, "example"));
 * console.log(Math.abs(await x.mean().item()) < 0.1); // true
 * await device.destroy();
 * ```
 *
 * @category Tensors
 */
export const randn = (device: Device, shape: Shape, random: RandomStream): Tensor =>
  tensor(device, random.normals(new Float32Array(sizeOf(shape))), shape);
