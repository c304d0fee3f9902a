/**
 * The engine computes with two kinds of numbers, float32 and int32, both four bytes wide. (Files know more: see
 * `checkpoint/stored_tensor.ts`.) On the reference device an "f32" is held in float64, which makes it the oracle.
 */

import { describe } from "./describe.ts";
import { DTypeError } from "./errors.ts";

/**
 * What the elements of a tensor are: float32, or signed integers of 32 bits.
 *
 * @category Tensors
 */
export type DType = "f32" | "i32";

/**
 * Host-side values of a tensor: float64 only comes from, and only goes to, the reference device.
 *
 * @category Tensors
 */
export type TensorData = Float32Array | Float64Array | Int32Array;

export const BYTES_PER_ELEMENT = 4;

/**
 * Numbers as a tensor takes them: a list becomes floats.
 * @throws {DTypeError} where they are no numbers, or of another kind
 */
export function typedData(what: string, data: TensorData | readonly number[]): TensorData {
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Float64Array) return data;
  const odd = Array.isArray(data) ? data.findIndex((value) => typeof value !== "number") : undefined;
  if (odd === -1) return Float32Array.from(data);
  const found = ArrayBuffer.isView(data) ? `a ${nameOf(data)}` : describe(odd === undefined ? data : data[odd]);
  throw new DTypeError(`${what}: expected numbers, a Float32Array, Float64Array or Int32Array but found ${found}`);
}

/**
 * The same for a tensor of this type.
 * @throws {DTypeError} where they are of the other one
 */
export function dataFor(what: string, data: TensorData, dtype: DType): TensorData {
  const elements = typedData(what, data);
  if (elements instanceof Int32Array === (dtype === "i32")) return elements;
  const article = dtype === "i32" ? "a" : "an";
  throw new DTypeError(`${what}: expected data of an ${dtype} tensor but found ${article} ${nameOf(elements)}`);
}

/** The name of a kind of array. */
const nameOf = (view: ArrayBufferView): string => Object.prototype.toString.call(view).slice("[object ".length, -1);
