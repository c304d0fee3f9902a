/**
 * Between the engine's tensors and those at rest: what a module's state dict is as a file's tensors, and back. Four-byte
 * elements are all that the engine computes with.
 */
import { BYTES_PER_ELEMENT, type DType, type TensorData } from "../engine/dtype.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import { elementReader } from "./element_view.ts";
import { plainOrQuoted } from "./quote.ts";
import { elementCount, type StoredTensor } from "./stored_tensor.ts";

/** Bytes on their way from the device at a time: a GPU is slow to answer each request, and quick with many. */
const IN_FLIGHT = 32 * 1024 * 1024;

/**
 * Downloads tensors, such as a module's `stateDict()`, into the form that files take. They are copies: training may go
 * on while they are written.
 *
 * @category Stored tensors
 */
export async function storeTensors(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, StoredTensor>> {
  const stored = new Map<string, StoredTensor>();
  const waiting: { readonly name: string; readonly tensor: Tensor; readonly data: Promise<TensorData> }[] = [];
  let bytes = 0;
  const takeOldest = async () => {
    const [{ name, tensor, data }] = waiting.splice(0, 1);
    const { buffer, byteOffset, byteLength } = await data;
    bytes -= byteLength;
    stored.set(name, {
      dtype: tensor.dtype,
      shape: tensor.shape,
      data: new Uint8Array(buffer, byteOffset, byteLength),
    });
  };
  for (const [name, tensor] of tensors) {
    const size = tensor.size * BYTES_PER_ELEMENT;
    while (waiting.length > 0 && bytes + size > IN_FLIGHT) await takeOldest();
    const data = tensor.data();
    data.catch(() => {}); // told by whoever takes it
    waiting.push({ name, tensor, data });
    bytes += size;
  }
  while (waiting.length > 0) await takeOldest();
  return stored;
}

/**
 * The elements of a tensor as the engine takes them, for `tensor` and `loadStateDict`: converted where the tensor has
 * another dtype, rounded where that has more digits. Not copied where they are what is asked for and begin at a multiple
 * of four bytes.
 *
 * @category Stored tensors
 */
export function elementsOf(tensor: StoredTensor, dtype: DType): Float32Array | Int32Array {
  const { data } = tensor;
  const length = elementCount(tensor.shape);
  const isAsAsked = tensor.dtype === dtype && data.byteOffset % BYTES_PER_ELEMENT === 0;
  if (isAsAsked && dtype === "f32") return new Float32Array(data.buffer, data.byteOffset, length);
  if (isAsAsked) return new Int32Array(data.buffer, data.byteOffset, length);
  const converted = dtype === "f32" ? new Float32Array(length) : new Int32Array(length);
  const read = elementReader(tensor);
  for (let index = 0; index < length; index++) converted[index] = read(index);
  return converted;
}

/**
 * The tensors of a file as a module's `loadStateDict` takes them.
 * @throws {DinogradError} of kind "checkpoint", with the tensor's name, for any dtype but f32 and i32
 * @category Stored tensors
 */
export function stateDictFrom(
  tensors: ReadonlyMap<string, StoredTensor>,
): Map<string, { readonly shape: readonly number[]; readonly data: TensorData }> {
  return new Map(Array.from(tensors, ([name, tensor]) => {
    const { dtype, shape } = tensor;
    if (dtype !== "f32" && dtype !== "i32") {
      throw new DinogradError("checkpoint", `${plainOrQuoted(name)}: expected f32 or i32 but found ${dtype}`);
    }
    return [name, { shape, data: elementsOf(tensor, dtype) }];
  }));
}
