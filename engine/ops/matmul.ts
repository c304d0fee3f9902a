/**
 * Matrix products of tensors. The device reads either operand transposed in place, so gradients need no copies:
 * for C = A·B, dA = dC·Bᵀ and dB = Aᵀ·dC.
 */

import { ShapeError } from "../errors.ts";
import type { MatrixLayout } from "../device/device.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** A matrix stored row by row. */
export const rowMajor = (columns: number, batchStride = 0): MatrixLayout => ({
  row: columns,
  column: 1,
  outer: batchStride,
  inner: 0,
});
/** The transpose of a matrix stored row by row with `rows` columns there, that is, rows here. */
export const columnMajor = (rows: number, batchStride = 0): MatrixLayout => ({
  row: 1,
  column: rows,
  outer: batchStride,
  inner: 0,
});

interface MatmulSizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Launches one product of operands with the given layouts into a row-major result. Not recorded. */
export function multiply(
  operands: { readonly a: Tensor; readonly b: Tensor; readonly out: Tensor },
  call: MatmulSizes & { readonly aLayout: MatrixLayout; readonly bLayout: MatrixLayout },
): void {
  const { a, b, out } = operands;
  const { batch, m, n, k, aLayout, bLayout } = call;
  out.device.matmul({
    m,
    n,
    k,
    outerBatch: batch,
    innerBatch: 1,
    a: a.buffer,
    aLayout,
    b: b.buffer,
    bLayout,
    out: out.buffer,
    outLayout: rowMajor(n, m * n),
  });
}

/** Sizes of a · b; `b` may be one matrix for all of a's batch, whose rows then count as one tall matrix. */
function sizesOf(a: Tensor, b: Tensor): MatmulSizes {
  const fail = () => {
    throw new ShapeError(
      `matmul: expected [..., m, k] and [k, n] or [..., k, n] but found ${formatShape(a.shape)} and ${
        formatShape(b.shape)
      }`,
    );
  };
  if (a.rank < 2 || b.rank < 2) fail();
  const [m, k] = a.shape.slice(-2);
  const [kb, n] = b.shape.slice(-2);
  const batch = a.shape.slice(0, -2);
  if (k !== kb || (b.rank > 2 && !sameShape(batch, b.shape.slice(0, -2)))) fail();
  return b.rank === 2 ? { batch: 1, m: sizeOf(batch) * m, n, k } : { batch: sizeOf(batch), m, n, k };
}

const matmulOp = defineOp<readonly [Tensor, Tensor], void, { a: Tensor | undefined; b: Tensor | undefined }>({
  name: "matmul",
  output: ([a, b]) => ({ shape: [...a.shape.slice(0, -1), sizesOf(a, b).n] }),
  run: ({ inputs: [a, b], output }) => {
    const sizes = sizesOf(a, b);
    const { m, n, k } = sizes;
    multiply({ a, b, out: output }, { ...sizes, aLayout: rowMajor(k, m * k), bLayout: rowMajor(n, k * n) });
  },
  save: ({ inputs: [a, b], needs }) => ({ a: needs[1] ? a : undefined, b: needs[0] ? b : undefined }),
  gradient: ({ gradOutput, saved: { a, b }, shapes: [aShape, bShape] }) => {
    const k = aShape[aShape.length - 1];
    const n = bShape[bShape.length - 1];
    const batch = bShape.length === 2 ? 1 : sizeOf(bShape.slice(0, -2));
    const m = sizeOf(aShape) / (batch * k);
    let gradA: Tensor | undefined;
    let gradB: Tensor | undefined;
    if (b) {
      gradA = gradOutput.empty(aShape);
      multiply({ a: gradOutput, b, out: gradA }, {
        batch,
        m,
        n: k,
        k: n,
        aLayout: rowMajor(n, m * n),
        bLayout: columnMajor(n, k * n),
      });
    }
    if (a) {
      gradB = gradOutput.empty(bShape);
      multiply({ a, b: gradOutput, out: gradB }, {
        batch,
        m: k,
        n,
        k: m,
        aLayout: columnMajor(k, m * k),
        bLayout: rowMajor(n, m * n),
      });
    }
    return [gradA, gradB];
  },
});

/**
 * a [..., m, k] · b, where b is [k, n] (one for all) or [..., k, n] (one each): [..., m, n].
 * @throws {ShapeError} where the shapes do not fit
 * @category Linear algebra
 */
export const matmul = (a: Tensor, b: Tensor): Tensor => matmulOp([a, b]);
