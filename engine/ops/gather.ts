/**
 * Rows picked by number, and the gradient, which adds rows up again. Adding needs no atomics: an item owns some columns
 * and goes through all rows in order, so the sum has one order on every device.
 */

import { ShapeError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import { joinIndex, splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel, lanesOf } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** An item is a vector of a picked row. A number outside 0..rows-1 gives NaN instead of someone else's memory. */
const gather = defineKernel({
  name: "gather",
  reads: { source: "f32", indices: "i32" },
  writes: { target: "f32" },
  sizes: ["rows", "picked", "vectors"],
  vectors: true,
  anyType: true, // the op's own check holds the indices to be integers
  body: (m, { item, source, indices, target, rows, picked, vectors }) => {
    const [batch, pick, vector] = splitIndex(item, [picked, vectors]);
    const index = indices.load(joinIndex([batch, pick], [picked]));
    const valid = index.ge(0).and(index.lt(rows));
    const row = valid.select(index, 0);
    const value = source.loadVec(joinIndex([batch, row, vector], [rows, vectors]).mul(m.lanes));
    target.store(item.mul(m.lanes), valid.select(value, NaN));
  },
});

/** An item is a batch and `width` neighbouring vectors of columns. The target starts as zeros. */
const scatterAdd = defineKernel({
  name: "scatter_add",
  reads: { source: "f32", indices: "i32" },
  updates: { target: "f32" },
  sizes: ["rows", "picked", "vectors", "width", "parts"],
  vectors: true,
  body: (m, { item, source, indices, target, rows, picked, vectors, width, parts }) => {
    const [batch, part] = splitIndex(item, [parts]);
    const first = part.mul(width);
    const count = width.min(vectors.sub(first));
    m.loop(picked, (pick) => {
      const from = joinIndex([batch, pick], [picked]);
      const index = indices.load(from);
      m.when(index.ge(0).and(index.lt(rows)), () => {
        const sourceRow = joinIndex([from, first], [vectors]);
        const targetRow = joinIndex([batch, index, first], [rows, vectors]);
        m.loop(count, (vector) => {
          const at = targetRow.add(vector).mul(m.lanes);
          const value = source.loadVec(sourceRow.add(vector).mul(m.lanes));
          target.store(at, target.loadVec(at).add(value));
        });
      });
    });
  },
});

/** Vectors that an item of the scatter owns: whole cache lines on a CPU, one on a GPU, which wants many items. */
const scatterWidth = (device: Device) => device.kind === "webgpu" ? 1 : 8;

const gatherOp = defineOp<readonly [Tensor, Tensor], void, { indices: Tensor }>({
  name: "gatherRows",
  takes: ["any", "i32"],
  output: ([x, indices]) => {
    if (x.rank !== 3 || indices.rank !== 2 || indices.dtype !== "i32" || indices.shape[0] !== x.shape[0]) {
      throw new ShapeError(
        `gatherRows: expected x [B, R, C] and integers [B, K] but found ${formatShape(x.shape)} and ${indices.dtype} ${
          formatShape(indices.shape)
        }`,
      );
    }
    return { shape: [...indices.shape, x.shape[2]], dtype: x.dtype };
  },
  run: ({ inputs: [x, indices], output }) => {
    const [, rows, columns] = x.shape;
    const lanes = lanesOf(columns);
    gather.launch({
      ...{ source: x, indices, target: output },
      ...{ rows, picked: indices.shape[1], vectors: columns / lanes },
      items: output.size / lanes,
      lanes,
    });
  },
  save: ({ inputs: [, indices] }) => ({ indices }),
  gradient: ({ gradOutput, saved: { indices }, shapes: [shape], device }) => {
    const [batch, rows, columns] = shape;
    const lanes = lanesOf(columns);
    const vectors = columns / lanes;
    const width = Math.min(scatterWidth(device), Math.max(1, vectors));
    const parts = Math.ceil(vectors / width);
    const gradient = gradOutput.empty(shape).fill(0);
    scatterAdd.launch({
      ...{ source: gradOutput, indices, target: gradient },
      ...{ rows, picked: indices.shape[1], vectors, width, parts },
      items: batch * parts,
      lanes,
    });
    return [gradient, undefined];
  },
});

/**
 * x [B, R, C] and indices (i32) [B, K] in 0..R-1: row indices[b, k] of x[b] at [b, k], so [B, K, C]. An index outside
 * gives a row of NaN.
 * @throws {ShapeError} where the shapes do not fit
 * @throws {DTypeError} for indices that are no integers
 * @category Indexing
 */
export const gatherRows = (x: Tensor, indices: Tensor): Tensor => gatherOp([x, indices]);

/**
 * Rows of a table [R, C] by number: indices (i32) of any shape [...] give [..., C].
 * @throws {DTypeError} for indices that are no integers
 * @category Indexing
 */
export const embedding = (table: Tensor, indices: Tensor): Tensor =>
  gatherRows(table.reshape([1, ...table.shape]), indices.reshape([1, indices.size]))
    .reshape([...indices.shape, table.shape[1]]);
