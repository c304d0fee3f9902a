/**
 * Rows picked by number, and the gradient, which adds rows up again. Adding needs no atomics: an item owns some columns
 * and goes through all rows in order, so the sum has one order on every device.
 */

import type { Device } from "../device/device.ts";
import type { IndexedKernel } from "../kernel/language/recipes.ts";
import { splitIndex } from "../kernel/language/split_index.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** An item is a vector of a picked row. A number outside 0..rows-1 gives NaN instead of someone else's memory. */
const gatherKernel = (lanes: 1 | 4): IndexedKernel => ({
  kind: "indexed",
  name: `gather_${lanes}`,
  buffers: [
    { name: "source", dtype: "f32", access: "read" },
    { name: "indices", dtype: "i32", access: "read" },
    { name: "target", dtype: "f32", access: "write" },
  ],
  sizes: ["rows", "picked", "vectors"],
  lanes,
  body: (m, item, { buffers: [source, indices, target], sizes: [rows, picked, vectors] }) => {
    const [batch, pick, vector] = splitIndex(m, item, [picked, vectors]);
    const index = m.load(indices, m.add(m.mul(batch, picked), pick));
    const valid = m.both(m.le(m.int(0), index), m.lt(index, rows));
    const row = m.add(m.mul(batch, rows), m.select(valid, index, m.int(0)));
    const from = m.mul(m.add(m.mul(row, vectors), vector), m.int(lanes));
    m.store(target, m.mul(item, m.int(lanes)), m.select(valid, m.loadVec(source, from), m.splat(NaN)));
  },
});

/** An item is a batch and `width` neighbouring vectors of columns. The target starts as zeros. */
const scatterKernel = (lanes: 1 | 4): IndexedKernel => ({
  kind: "indexed",
  name: `scatter_add_${lanes}`,
  buffers: [
    { name: "source", dtype: "f32", access: "read" },
    { name: "indices", dtype: "i32", access: "read" },
    { name: "target", dtype: "f32", access: "read_write" },
  ],
  sizes: ["rows", "picked", "vectors", "width", "parts"],
  lanes,
  body: (m, item, { buffers: [source, indices, target], sizes: [rows, picked, vectors, width, parts] }) => {
    const [batch, part] = splitIndex(m, item, [parts]);
    const first = m.mul(part, width);
    const count = m.arithmetic("min", width, m.sub(vectors, first));
    m.loop(picked, (pick) => {
      const from = m.add(m.mul(batch, picked), pick);
      const index = m.load(indices, from);
      m.when(m.both(m.le(m.int(0), index), m.lt(index, rows)), () => {
        const sourceRow = m.add(m.mul(from, vectors), first);
        const targetRow = m.add(m.mul(m.add(m.mul(batch, rows), index), vectors), first);
        m.loop(count, (vector) => {
          const at = m.mul(m.add(targetRow, vector), m.int(lanes));
          const value = m.loadVec(source, m.mul(m.add(sourceRow, vector), m.int(lanes)));
          m.store(target, at, m.add(m.loadVec(target, at), value));
        });
      });
    });
  },
});

const gathers = { 1: gatherKernel(1), 4: gatherKernel(4) };
const scatters = { 1: scatterKernel(1), 4: scatterKernel(4) };

/** Vectors that an item of the scatter owns: whole cache lines on a CPU, one on a GPU, which wants many items. */
const scatterWidth = (device: Device) => device.kind === "webgpu" ? 1 : 8;

const gatherOp = defineOp<readonly [Tensor, Tensor], void, { indices: Tensor }>({
  name: "gatherRows",
  output: ([x, indices]) => {
    if (x.rank !== 3 || indices.rank !== 2 || indices.dtype !== "i32" || indices.shape[0] !== x.shape[0]) {
      throw new RangeError(
        `gatherRows: expected x [B, R, C] and integers [B, K] but found ${formatShape(x.shape)} and ${indices.dtype} ${
          formatShape(indices.shape)
        }`,
      );
    }
    return { shape: [...indices.shape, x.shape[2]], dtype: x.dtype };
  },
  run: ({ inputs: [x, indices], output, device }) => {
    const lanes = x.shape[2] % 4 === 0 ? 4 : 1;
    device.indexed({
      kernel: gathers[lanes],
      buffers: [x.buffer, indices.buffer, output.buffer],
      sizes: [x.shape[1], indices.shape[1], x.shape[2] / lanes],
      items: output.size / lanes,
    });
  },
  save: ({ inputs: [, indices] }) => ({ indices }),
  gradient: ({ gradOutput, saved: { indices }, shapes: [shape], device }) => {
    const [batch, rows, columns] = shape;
    const lanes = columns % 4 === 0 ? 4 : 1;
    const vectors = columns / lanes;
    const width = Math.min(scatterWidth(device), Math.max(1, vectors));
    const parts = Math.ceil(vectors / width);
    const gradient = gradOutput.empty(shape).fill(0);
    device.indexed({
      kernel: scatters[lanes],
      buffers: [gradOutput.buffer, indices.buffer, gradient.buffer],
      sizes: [rows, indices.shape[1], vectors, width, parts],
      items: batch * parts,
    });
    return [gradient, undefined];
  },
});

/**
 * x [B, R, C] and indices (i32) [B, K] in 0..R-1: row indices[b, k] of x[b] at [b, k], so [B, K, C]. An index outside
 * gives a row of NaN.
 */
export const gatherRows = (x: Tensor, indices: Tensor): Tensor => gatherOp([x, indices]);

/** Rows of a table [R, C] by number: indices (i32) of any shape [...] give [..., C]. */
export const embedding = (table: Tensor, indices: Tensor): Tensor =>
  gatherRows(table.reshape([1, ...table.shape]), indices.reshape([1, indices.size]))
    .reshape([...indices.shape, table.shape[1]]);
