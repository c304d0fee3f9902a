/**
 * Numbers that are none: NaN and infinities among the elements of tensors. A training that has exploded leaves them in
 * weights and moments, where every checksum is right and nothing can be continued. They are told by their bits alone: in
 * every IEEE 754 format all bits of the exponent are ones.
 */
import { bytesPerElement, loadTensor, type StoredTensor, type TensorSource } from "./stored_tensor.ts";
import { quote } from "./quote.ts";

/**
 * A tensor with infinities or NaN in it.
 *
 * @category Stored tensors
 */
export interface NonfiniteTensor {
  /** As in the bundle, with its group: `model/…`, `optimizer/…`, `ema/…`. */
  readonly name: string;
  /** How many of its elements are NaN or infinite. */
  readonly count: number;
  /** Elements of the tensor: what `count` is out of. */
  readonly elements: number;
}

/** How many elements are NaN or infinite. `data` may be a part of a tensor; whole numbers always are finite. */
export function countNonfinite({ dtype, data }: Pick<StoredTensor, "dtype" | "data">): number {
  const width = bytesPerElement(dtype);
  // A copy where the bytes do not start at a multiple of an element's size.
  const { buffer, byteOffset, byteLength } = data.byteOffset % width === 0 ? data : data.slice();
  switch (dtype) {
    case "f32":
      return countWith(new Int32Array(buffer, byteOffset, byteLength / 4), 0x7f800000);
    case "f64": // the exponent is in the upper word, which comes second
      return countWith(new Int32Array(buffer, byteOffset, byteLength / 4), 0x7ff00000, { first: 1, step: 2 });
    case "f16":
      return countWith(new Uint16Array(buffer, byteOffset, byteLength / 2), 0x7c00);
    case "bf16":
      return countWith(new Uint16Array(buffer, byteOffset, byteLength / 2), 0x7f80);
    default:
      return 0;
  }
}

function countWith(words: Int32Array | Uint16Array, exponent: number, { first = 0, step = 1 } = {}): number {
  let count = 0;
  for (let at = first; at < words.length; at += step) if ((words[at] & exponent) === exponent) count++;
  return count;
}

/** Bytes that are looked at before others may have their turn. */
const PAUSE_AFTER = 64 * 1024 * 1024;

/**
 * The tensors that are not finite throughout, in their order. Lets other work of this thread continue in between.
 *
 * @category Stored tensors
 */
export async function findNonfinite(tensors: ReadonlyMap<string, TensorSource>): Promise<NonfiniteTensor[]> {
  const found: NonfiniteTensor[] = [];
  let bytes = 0;
  for (const [name, source] of tensors) {
    const tensor = await loadTensor(source, `tensor ${quote(name)}`);
    const count = countNonfinite(tensor);
    if (count > 0) found.push({ name, count, elements: tensor.data.byteLength / bytesPerElement(tensor.dtype) });
    bytes += tensor.data.byteLength;
    if (bytes < PAUSE_AFTER) continue;
    bytes = 0;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return found;
}

/** The first such tensor in words, and how many more there are: `NaN or infinity in "a.b" (3 of 12 numbers)`. */
export function describeNonfinite([first, ...more]: readonly NonfiniteTensor[]): string {
  if (!first) return "finite numbers alone";
  const others = more.length === 0 ? "" : ` and in ${more.length} more ${more.length === 1 ? "tensor" : "tensors"}`;
  return `NaN or infinity in ${quote(first.name)} (${first.count} of ${first.elements} numbers)${others}`;
}
