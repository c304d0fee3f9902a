/**
 * Tensors as PyTorch has them, a view of memory with a stride for every axis, and what files hold, elements end to end in
 * row-major order. Strides may be 0 (`expand`), smaller than what they pass over (`as_strided`) or in any order
 * (`transpose`).
 */

/** Sizes and strides of a view, both counted in elements. */
interface StridedView {
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

/** Whether the elements already lie end to end. */
export function isContiguous({ shape, stride }: StridedView): boolean {
  return contiguousFrom({ shape, stride })[0];
}

/** How many elements of memory a view that is not empty reaches over, from its first to its last. */
export function spanOf({ shape, stride }: StridedView): number {
  return shape.reduce((sum, size, axis) => sum + (size - 1) * stride[axis], 1);
}

/**
 * Copies a view that is not empty, of elements of `width` bytes, from the start of `source` to the whole of `target`. What
 * repeats is copied once from the source and then within the target, so that the time is that of copying memory.
 */
export function gather(source: Uint8Array, target: Uint8Array, view: StridedView & { readonly width: number }): void {
  const { shape, stride, width } = view;
  const contiguous = contiguousFrom(view);
  const blocks = [...shape, 1]; // bytes of the axes from each one on
  for (let axis = shape.length, bytes = width; axis >= 0; axis--) blocks[axis] = bytes *= shape[axis] ?? 1;
  const copy = (axis: number, from: number, to: number): void => {
    if (contiguous[axis]) {
      if (blocks[axis] > width) target.set(source.subarray(from, from + blocks[axis]), to);
      else for (let byte = 0; byte < width; byte++) target[to + byte] = source[from + byte];
      return;
    }
    if (stride[axis] === 0) {
      copy(axis + 1, from, to);
      repeatWithin(target.subarray(to, to + blocks[axis]), blocks[axis + 1]);
      return;
    }
    for (let index = 0; index < shape[axis]; index++) {
      copy(axis + 1, from + index * stride[axis] * width, to + index * blocks[axis + 1]);
    }
  };
  copy(0, 0, 0);
}

/** Whether the axes from each one on lie end to end; true behind the last. */
function contiguousFrom({ shape, stride }: StridedView): boolean[] {
  const contiguous = [...shape.map(() => false), true];
  let elements = 1;
  for (let axis = shape.length - 1; axis >= 0 && (shape[axis] === 1 || stride[axis] === elements); axis--) {
    contiguous[axis] = true;
    elements *= shape[axis];
  }
  return contiguous;
}

/** Fills memory with what its first bytes are, twice as much each time. */
function repeatWithin(memory: Uint8Array, bytes: number): void {
  for (let done = bytes; done < memory.length; done *= 2) memory.copyWithin(done, 0, done);
}
