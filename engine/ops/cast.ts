/** From one element type to another. There are two: f32, which is computed with, and i32, which counts and points. */

import type { DType } from "../dtype.ts";
import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";

const toFloat = defineKernel({
  name: "cast_to_f32",
  reads: { source: "i32" },
  writes: { target: "f32" },
  body: (_, { item, source, target }) => target.store(item, source.load(item).toFloat()),
});

const toInt = defineKernel({
  name: "cast_to_i32",
  reads: { source: "f32" },
  writes: { target: "i32" },
  body: (_, { item, source, target }) => target.store(item, source.load(item).toInt()),
});

/** Rounding passes no gradient, so this op has none: what is cast to f32 starts afresh. */
const castOp = defineOp<readonly [Tensor], { readonly dtype: DType }>({
  name: "cast",
  takes: "any",
  output: ([x], { dtype }) => ({ shape: x.shape, dtype }),
  run: ({ inputs: [source], options: { dtype }, output }) =>
    (dtype === "f32" ? toFloat : toInt).launch({ source, target: output, items: output.size }),
});

/**
 * x [...] with other elements: i32 to f32 rounds to the nearest (exact up to 2^24), f32 to i32 cuts off what is behind the
 * point. Numbers that i32 cannot hold become something that depends on the device. The same type gives x itself.
 *
 * @category Tensors
 */
export const cast = (x: Tensor, dtype: DType): Tensor => x.dtype === dtype ? x : castOp([x], { dtype });
