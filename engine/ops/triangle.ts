/** Matrices with zeros on one side of a diagonal, and rows with a single one. */

import { ShapeError } from "../errors.ts";
import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** An item is an element. It stays on one side of a diagonal: where (column - row - diagonal) · side is not positive. */
const keepSide = defineKernel({
  name: "triangle",
  reads: { input: "f32" },
  writes: { output: "f32" },
  sizes: ["rows", "columns", "diagonal", "side"],
  body: (m, { item, input, output, rows, columns, diagonal, side }) => {
    const [, row, column] = splitIndex(item, [rows, columns]);
    const beyond = column.sub(row).sub(diagonal).mul(side);
    output.store(item, beyond.gt(0).select(m.float(0), input.load(item)));
  },
});

interface Triangle {
  readonly name: string;
  /** How far right of the main diagonal the last one is that stays. */
  readonly diagonal: number;
  /** 1 for the lower left, -1 for the upper right. */
  readonly side: 1 | -1;
}

function keep(output: Tensor, x: Tensor, { diagonal, side }: Triangle): Tensor {
  const [rows, columns] = x.shape.slice(-2);
  keepSide.launch({ input: x, output, rows, columns, diagonal, side, items: x.size });
  return output;
}

const triangleOp = defineOp<readonly [Tensor], Triangle>({
  name: "triangle",
  output: ([x], { name, diagonal }) => {
    if (x.rank < 2) throw new ShapeError(`${name}: expected [..., rows, columns] but found ${formatShape(x.shape)}`);
    if (!Number.isInteger(diagonal)) throw new ShapeError(`${name}: expected a whole diagonal but found ${diagonal}`);
    return { shape: x.shape };
  },
  run: ({ inputs: [x], options, output }) => void keep(output, x, options),
  gradient: ({ gradOutput, options }) => [keep(gradOutput.empty(gradOutput.shape), gradOutput, options)],
});

/**
 * Matrices [..., rows, columns] with zeros to the right of a diagonal: the main one (0, the default), or one so far to the
 * right of it.
 *
 * @category Layout
 */
export const tril = (x: Tensor, diagonal = 0): Tensor => triangleOp([x], { name: "tril", diagonal, side: 1 });

/**
 * Matrices [..., rows, columns] with zeros to the left of a diagonal. `triu(ones(device, [n, n]), 1)` is 1 where attention
 * to what comes later is forbidden.
 *
 * @category Layout
 */
export const triu = (x: Tensor, diagonal = 0): Tensor => triangleOp([x], { name: "triu", diagonal, side: -1 });

/** An item is an element of a row. */
const markIndex = defineKernel({
  name: "one_hot",
  reads: { indices: "i32" },
  writes: { output: "f32" },
  sizes: ["classes"],
  body: (m, { item, indices, output, classes }) => {
    const [row, column] = splitIndex(item, [classes]);
    output.store(item, indices.load(row).eq(column).select(m.float(1), 0));
  },
});

const oneHotOp = defineOp<readonly [Tensor], number>({
  name: "oneHot",
  takes: "i32",
  output: ([indices], classes) => {
    if (!Number.isInteger(classes) || classes < 1) {
      throw new ShapeError(`oneHot: expected at least one class but found ${classes}`);
    }
    return { shape: [...indices.shape, classes] };
  },
  run: ({ inputs: [indices], options: classes, output }) =>
    markIndex.launch({ indices, output, classes, items: output.size }),
});

/**
 * Integers [...] in 0..classes-1 as rows [..., classes] with a 1 at that place and zeros elsewhere. Another number gives a
 * row of zeros.
 *
 * @category Indexing
 */
export const oneHot = (indices: Tensor, classes: number): Tensor => oneHotOp([indices], classes);
