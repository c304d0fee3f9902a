/**
 * Elements picked, and added up, by number along an axis, each line by itself. Nothing is added atomically: an item owns a
 * line of the target and goes through its indices in order, so sums have one order on every device.
 */

import { ShapeError } from "../errors.ts";
import type { DType } from "../dtype.ts";
import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import type { Int, Value } from "../kernel/language/value.ts";
import { defineKernel } from "../launch/kernel.ts";
import { memoize } from "../memoize.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { gatherRows } from "./gather.ts";
import { lineAt, type Lines, linesOf } from "./lines.ts";
import { broadcastTo } from "./rearrange.ts";
import { copyStrided, whole } from "./strided_copy.ts";

/** An index that is in a line. */
export const isIn = (index: Int, length: Int): Value<"bool"> => index.ge(0).and(index.lt(length));

/** An item is a picked element. */
const gatherKernel = memoize((dtype: DType) =>
  defineKernel({
    name: `gather_along_${dtype}`,
    reads: { source: dtype as "f32", indices: "i32" }, // for the types alone: the body is the same for both
    writes: { target: dtype as "f32" },
    sizes: ["length", "picked", "inner"],
    body: (m, { item, source, indices, target, length, picked, inner }) => {
      const [outer, , column] = splitIndex(item, [picked, inner]);
      const index = indices.load(item);
      const valid = isIn(index, length);
      const at = outer.mul(length).add(valid.select(index, m.int(0))).mul(inner).add(column);
      target.store(item, valid.select(source.load(at), dtype === "f32" ? NaN : -(2 ** 31)));
    },
  })
);

/** An item is a line of the target, to which what is picked is added in order. */
const addKernel = defineKernel({
  name: "add_along",
  reads: { source: "f32", indices: "i32" },
  updates: { target: "f32" },
  sizes: ["length", "picked", "inner"],
  body: (m, { item, source, indices, target, length, picked, inner }) => {
    const [from, to] = [lineAt(item, picked, inner), lineAt(item, length, inner)];
    m.loop(picked, (pick) => {
      const index = indices.load(from(pick));
      m.when(isIn(index, length), () => {
        const at = to(index);
        target.store(at, target.load(at).add(source.load(from(pick))));
      });
    });
  },
});

/** The sizes for kernels; checks that the indices are shaped as x but along the axis. */
export function sizesOf(
  name: string,
  [x, indices]: readonly [Shape, Shape],
  axis: number,
): Lines & { readonly picked: number } {
  const lines = linesOf(name, x, axis);
  if (indices.length !== x.length || indices.some((size, at) => at !== lines.axis && size !== x[at])) {
    const found = `${formatShape(indices)} for ${formatShape(x)}`;
    throw new ShapeError(`${name}: expected indices shaped as x but along axis ${lines.axis} but found ${found}`);
  }
  return { ...lines, picked: indices[lines.axis] };
}

/** The sizes that kernels are launched with. */
export const launchSizes = ({ length, picked, inner }: ReturnType<typeof sizesOf>) => ({ length, picked, inner });

function addAlong(target: Tensor, { source, indices }: Placed, axis: number): Tensor {
  const sizes = sizesOf("scatterAdd", [target.shape, indices.shape], axis);
  addKernel.launch({ source, indices, target, ...launchSizes(sizes), items: sizes.outer * sizes.inner });
  return target;
}

const gatherOp = defineOp<readonly [Tensor, Tensor], number, { indices: Tensor }>({
  name: "gather",
  takes: ["any", "i32"],
  output: ([x, indices], axis) => {
    sizesOf("gather", [x.shape, indices.shape], axis);
    return { shape: indices.shape, dtype: x.dtype };
  },
  run: ({ inputs: [source, indices], options: axis, output: target }) => {
    const sizes = launchSizes(sizesOf("gather", [source.shape, indices.shape], axis));
    gatherKernel(source.dtype).launch({ source, indices, target, ...sizes, items: target.size });
  },
  save: ({ inputs: [, indices] }) => ({ indices }),
  gradient: ({ gradOutput: source, saved: { indices }, options: axis, shapes: [shape] }) => [
    addAlong(source.empty(shape).fill(0), { source, indices }, axis),
    undefined,
  ],
});

/**
 * Along an axis, element number `indices[…]` of each line: `indices` (i32) is shaped as x but along the axis, and so is
 * the result. A number outside of the line gives NaN (−2³¹ of integers).
 *
 * ```ts
 * import { argsort, createCpuDevice, gather, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [3, 1, 2, 6, 5, 4], [2, 3]);
 * console.log(await gather(x, 1, argsort(x, 1)).data()); // [ 1, 2, 3, 4, 5, 6 ]
 * await device.destroy();
 * ```
 *
 * @throws {RangeError} where the shapes differ along another axis
 * @category Indexing
 */
export const gather = (x: Tensor, axis: number, indices: Tensor): Tensor => gatherOp([x, indices], axis);

/**
 * What is put where.
 *
 * @category Indexing
 */
export interface Placed {
  /** i32, shaped as the target but along the axis. Numbers outside of a line are passed over. */
  readonly indices: Tensor;
  /** What is put there, shaped as the indices. */
  readonly source: Tensor;
}

/** @throws {RangeError} unless the source is shaped as the indices */
export function checkSource(name: string, { source, indices }: Placed): void {
  if (sameShape(source.shape, indices.shape)) return;
  const found = `${formatShape(source.shape)} for ${formatShape(indices.shape)}`;
  throw new ShapeError(`${name}: expected a source shaped as the indices but found ${found}`);
}

const scatterAddOp = defineOp<readonly [Tensor, Tensor, Tensor], number, { indices: Tensor }>({
  name: "scatterAdd",
  takes: ["f32", "i32", "f32"],
  output: ([x, indices, source], axis) => {
    sizesOf("scatterAdd", [x.shape, indices.shape], axis);
    checkSource("scatterAdd", { source, indices });
    return { shape: x.shape };
  },
  run: ({ inputs: [x, indices, source], options: axis, output }) => {
    copyStrided(x.shape, whole(x), whole(output));
    addAlong(output, { source, indices }, axis);
  },
  save: ({ inputs: [, indices] }) => ({ indices }),
  gradient: ({ gradOutput, saved: { indices }, options: axis, needs }) => [
    gradOutput,
    undefined,
    needs[2] ? gather(gradOutput, axis, indices) : undefined,
  ],
});

/**
 * x, with each element of `source` added at the place along the axis that its index names; what meets at one place is
 * added in the order of the source.
 *
 * @throws {RangeError} where shapes do not fit
 * @category Indexing
 */
export const scatterAdd = (x: Tensor, axis: number, { indices, source }: Placed): Tensor =>
  scatterAddOp([x, indices, source], axis);

/**
 * Parts of x along an axis by number: `indices` (i32) [K] give K of them. A number outside of the axis gives NaN.
 *
 * @throws {RangeError} where `indices` have another rank
 * @category Indexing
 */
export function indexSelect(x: Tensor, axis: number, indices: Tensor): Tensor {
  const { axis: at, outer, length, inner } = linesOf("indexSelect", x.shape, axis);
  if (indices.rank !== 1) {
    throw new ShapeError(`indexSelect: expected indices [K] but found ${formatShape(indices.shape)}`);
  }
  const rows = gatherRows(x.reshape([outer, length, inner]), broadcastTo(indices, [outer, indices.size]));
  return rows.reshape(x.shape.with(at, indices.size));
}
