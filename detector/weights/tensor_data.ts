/** Stored tensors of any dtype as the engine takes them: float32 or int32. */

import { elementCount, elementReader, type StoredTensor } from "../../checkpoint/mod.ts";
import type { DType } from "../../engine/dtype.ts";

/**
 * The elements of a stored tensor, converted where the file has another dtype. Float32 and int32 are not copied where
 * their bytes are aligned.
 */
export function toTensorData(tensor: StoredTensor, dtype: DType): Float32Array | Int32Array {
  const { data } = tensor;
  const length = elementCount(tensor.shape);
  const aligned = tensor.dtype === dtype && data.byteOffset % 4 === 0;
  if (aligned && dtype === "f32") return new Float32Array(data.buffer, data.byteOffset, length);
  if (aligned) return new Int32Array(data.buffer, data.byteOffset, length);
  const converted = dtype === "f32" ? new Float32Array(length) : new Int32Array(length);
  const read = elementReader(tensor);
  for (let i = 0; i < length; i++) converted[i] = read(i);
  return converted;
}
