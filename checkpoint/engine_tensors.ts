/**
 * Between the engine's tensors and those at rest: what a module's state dict is as a file's tensors, and back. Four-byte
 * elements only, which is all that the engine computes with.
 */
import { BYTES_PER_ELEMENT, type TensorData } from "../engine/dtype.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { StoredTensor } from "./stored_tensor.ts";

/** Bytes on their way from the device at a time: a GPU is slow to answer each request, and quick with many. */
const IN_FLIGHT = 32 * 1024 * 1024;

/**
 * Downloads tensors, such as a module's `stateDict()`, into the form that files take. They are copies: training may go
 * on while they are written.
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
 * Elements as the engine takes them, for `tensor` and `loadStateDict`. `place` opens the message.
 * @throws DinogradError of kind "checkpoint" for any dtype but f32 and i32
 */
export function elementsOf(tensor: StoredTensor, place: string): TensorData {
  const { data } = tensor;
  // A copy where the bytes do not start at a multiple of four.
  const bytes = data.byteOffset % 4 === 0 ? data : data.slice();
  const length = bytes.byteLength / 4;
  if (tensor.dtype === "f32") return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  if (tensor.dtype === "i32") return new Int32Array(bytes.buffer, bytes.byteOffset, length);
  throw new DinogradError("checkpoint", `${place}: expected f32 or i32 but found ${tensor.dtype}`);
}

/**
 * The tensors of a file as a module's `loadStateDict` takes them.
 * @throws DinogradError of kind "checkpoint", with the tensor's name, for any dtype but f32 and i32
 */
export function stateDictFrom(
  tensors: ReadonlyMap<string, StoredTensor>,
): Map<string, { readonly shape: readonly number[]; readonly data: TensorData }> {
  return new Map([...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: elementsOf(tensor, name) }]));
}
