/** Where the largest or smallest element of a line stands. */

import { ShapeError } from "../errors.ts";
import type { Int } from "../kernel/language/value.ts";
import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { lineAt, linesOf } from "./lines.ts";
import { reshape } from "./layout.ts";

/** An item is a line. The first of equals counts; a NaN comes before everything. */
const search = defineKernel({
  name: "arg_extremum",
  reads: { input: "f32" },
  writes: { places: "i32" },
  sizes: ["length", "inner"],
  scalars: ["sign"],
  body: (m, { item, input, places, length, inner, sign }) => {
    const element = lineAt(item, length, inner);
    const value = (place: Int) => input.load(element(place)).mul(sign);
    const best = m.variable(value(m.int(0)));
    const found = m.variable(m.int(0));
    m.loop(length, (place) => {
      const [known, next] = [best.get(), value(place)];
      const stays = known.isNaN().select(m.int(1), known.ge(next).select(m.int(1), 0)).eq(1);
      best.set(stays.select(known, next));
      found.set(stays.select(found.get(), place));
    });
    places.store(item, found.get());
  },
});

interface Options {
  readonly name: string;
  readonly axis: number;
  readonly sign: 1 | -1;
}

const searchOp = defineOp<readonly [Tensor], Options>({
  name: "argmax",
  output: ([x], { name, axis }) => {
    const lines = linesOf(name, x.shape, axis);
    if (lines.length === 0) {
      throw new ShapeError(`${name}: expected a non-empty axis but found ${formatShape(x.shape)}`);
    }
    return { shape: x.shape.toSpliced(lines.axis, 1), dtype: "i32" };
  },
  run: ({ inputs: [input], options: { name, axis, sign }, output }) => {
    const { length, inner } = linesOf(name, input.shape, axis);
    search.launch({ input, places: output, length, inner, sign, items: output.size });
  },
});

/** Without an axis, the place among all elements, row by row. */
function argExtremum(
  name: string,
  x: Tensor,
  { axis, sign }: { readonly axis?: number; readonly sign: 1 | -1 },
): Tensor {
  return axis === undefined
    ? searchOp([reshape(x, [x.size])], { name, axis: 0, sign })
    : searchOp([x], { name, axis, sign });
}

/**
 * Where the largest element stands along an axis, which disappears, as i32; without an axis, among all elements, row by
 * row. The first of equals counts; a NaN is larger than everything. Has no gradient.
 *
 * @throws {RangeError} where the axis is empty
 * @category Reductions
 */
export const argmax = (x: Tensor, axis?: number): Tensor => argExtremum("argmax", x, { axis, sign: 1 });

/**
 * Where the smallest element stands; otherwise as `argmax`. A NaN is smaller than everything, too.
 *
 * @throws {RangeError} where the axis is empty
 * @category Reductions
 */
export const argmin = (x: Tensor, axis?: number): Tensor => argExtremum("argmin", x, { axis, sign: -1 });
