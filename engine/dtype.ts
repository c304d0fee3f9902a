/**
 * The engine computes with two kinds of numbers, float32 and int32, both four bytes wide. (Files know more: see
 * `checkpoint/stored_tensor.ts`.) On the reference device an "f32" is held in float64, which makes it the oracle.
 */

export type DType = "f32" | "i32";

/** Host-side values of a tensor: float64 only comes from, and only goes to, the reference device. */
export type TensorData = Float32Array | Float64Array | Int32Array;

export const BYTES_PER_ELEMENT = 4;
