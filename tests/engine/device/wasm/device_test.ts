/** Kernels, transfers and top-k on the CPU device against the float64 reference, on one thread and on several. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Buffer } from "../../../../engine/device/buffer.ts";
import type { Device } from "../../../../engine/device/device.ts";
import { ReferenceDevice } from "../../../../engine/device/reference.ts";
import { createCpuDevice } from "../../../../engine/device/wasm/device.ts";
import type { TensorData } from "../../../../engine/dtype.ts";
import { DeviceMismatchError, DinogradError } from "../../../../engine/errors.ts";
import { column, constant, input, reduced, scalar, select } from "../../../../engine/kernel/language/expr.ts";
import type { BufferRef, Value, Vector } from "../../../../engine/kernel/language/value.ts";
import { defineKernel } from "../../../../engine/launch/kernel.ts";
import type { ColumnRecipe, RowRecipe } from "../../../../engine/kernel/language/recipes.ts";
import { RandomStream } from "../../../../engine/random.ts";

const random = RandomStream.named(11, "wasm device test");

function normals(length: number): Float32Array {
  return Float32Array.from({ length }, () => random.normal());
}

interface Case {
  readonly inputs: readonly (Float32Array | Int32Array)[];
  /** Lengths and dtypes of outputs. */
  readonly outputs: readonly { readonly length: number; readonly dtype: "f32" | "i32" }[];
  readonly run: (device: Device, inputs: readonly Buffer[], outputs: readonly Buffer[]) => void;
  /** Of the largest magnitude of the output. */
  readonly tolerance?: number;
}

async function outputsOn(device: Device, { inputs, outputs, run }: Case): Promise<TensorData[]> {
  const upload = (data: TensorData) => {
    const buffer = device.allocate(data.length);
    device.upload(buffer, data);
    return buffer;
  };
  const from = inputs.map(upload);
  const to = outputs.map(({ length }) => device.allocate(length));
  // Twice: the second launch is split by what the first has measured.
  run(device, from, to);
  inputs.forEach((data, i) => device.upload(from[i], data));
  run(device, from, to);
  const results = await Promise.all(outputs.map(({ length, dtype }, i) => device.download(to[i], dtype, length)));
  const changed = await Promise.all(inputs.map((data, i) => {
    return device.download(from[i], data instanceof Int32Array ? "i32" : "f32", data.length);
  }));
  [...from, ...to].forEach((buffer) => device.free(buffer));
  return [...results, ...changed];
}

/** Rounding of a few float32 operations. */
const TOLERANCE = 2e-6;

/** Runs a case on one and on three threads: the bits are equal, and near the reference. */
async function checker() {
  const devices = [await createCpuDevice({ threads: 1 }), await createCpuDevice({ threads: 3 })];
  return {
    check: async (test: Case): Promise<void> => {
      const expected = await outputsOn(new ReferenceDevice(), test);
      const [found, threaded] = await Promise.all(devices.map((device) => outputsOn(device, test)));
      assertEquals(found, threaded);
      expected.forEach((exact, which) => {
        const scale = Math.max(1, ...Array.from(exact, (x) => Number.isFinite(x) ? Math.abs(x) : 0));
        exact.forEach((x, i) => {
          const y = found[which][i];
          const near = Object.is(x, y) || Math.abs(x - y) <= (test.tolerance ?? TOLERANCE) * scale;
          assert(near, `output ${which}, element ${i}: expected ${x} but found ${y}`);
        });
      });
    },
    [Symbol.asyncDispose]: async () => {
      for (const device of devices) await device.destroy();
    },
  };
}

const SOFTMAX: RowRecipe = {
  kind: "row",
  name: "softmax",
  rank: 1,
  inputs: [1],
  scalars: 1,
  reductions: [
    { name: "max", op: "max", value: input(0).mul(scalar(0)) },
    { name: "sum", op: "sum", value: input(0).mul(scalar(0)).sub(reduced("max")).exp() },
  ],
  outputs: [
    { per: "element", value: input(0).mul(scalar(0)).sub(reduced("max")).exp().div(reduced("sum")) },
    { per: "row", value: reduced("sum").log().add(reduced("max")) },
  ],
};

Deno.test("row: softmax of rows of every length from 1 to 37, with its logarithm per row", async () => {
  await using cpu = await checker();
  const small = [...Array.from({ length: 18 }, (_, i) => i + 1), 31, 32, 33].map((columns) => ({ rows: 13, columns }));
  // The last is large enough to be shared between threads.
  for (const { rows, columns } of [...small, { rows: 1501, columns: 37 }]) {
    await cpu.check({
      inputs: [normals(rows * columns)],
      outputs: [{ length: rows * columns, dtype: "f32" }, { length: rows, dtype: "f32" }],
      run: (device, inputs, outputs) => {
        const shape = { outer: [rows], columns, strides: [[columns]], scalars: [1.5] };
        device.row({ recipe: SOFTMAX, inputs, outputs, ...shape });
      },
    });
  }
});

const EVERYTHING: RowRecipe = {
  kind: "row",
  name: "everything",
  rank: 3,
  inputs: [1, 0, 1],
  scalars: 2,
  reductions: [{ name: "least", op: "min", value: input(0).sub(input(2)) }],
  outputs: [
    { per: "element", value: input(0).mul(input(1)).add(column().mul(scalar(1))).sub(scalar(0)) },
    { per: "element", value: select(input(0).lt(input(2)), input(0).abs().sqrt(), input(2).floor().div(3)), into: 2 },
    { per: "element", value: select(input(0).le(constant(0)), input(1).max(input(0)), input(2).min(0.25)) },
    { per: "row", value: reduced("least").neg() },
  ],
};

Deno.test("row: broadcast, strided and in-place operands in three dimensions", async () => {
  await using cpu = await checker();
  const outer = [3, 4, 5];
  const rows = 60;
  for (const columns of [1, 3, 4, 7, 20]) {
    await cpu.check({
      // Input 0 shares its rows along the middle dimension, input 1 is one number per row, transposed.
      inputs: [normals(15 * columns), normals(rows), normals(rows * columns)],
      outputs: [rows * columns, rows * columns, rows].map((length) => ({ length, dtype: "f32" })),
      run: (device, inputs, outputs) => {
        const strides = [[5 * columns, 0, columns], [1, 3, 12], [20 * columns, 5 * columns, columns]];
        device.row({ recipe: EVERYTHING, inputs, outputs, outer, columns, strides, scalars: [0.5, 0.125] });
      },
    });
  }
});

Deno.test("row: one long row is shared between threads", async () => {
  const recipe: RowRecipe = {
    kind: "row",
    name: "gelu",
    rank: 1,
    inputs: [1],
    scalars: 0,
    reductions: [],
    outputs: [{ per: "element", value: input(0).mul(input(0).mul(Math.SQRT1_2).erf().add(1)).mul(0.5) }],
  };
  const columns = 100_003;
  await using cpu = await checker();
  await cpu.check({
    inputs: [normals(columns)],
    outputs: [{ length: columns, dtype: "f32" }],
    run: (device, inputs, outputs) => device.row({ recipe, inputs, outputs, outer: [1], columns, strides: [[0]] }),
  });
});

Deno.test("row: nothing happens where there are no rows, and empty rows reduce to the neutral number", async () => {
  await using cpu = await checker();
  const recipe: RowRecipe = {
    kind: "row",
    name: "sums",
    rank: 1,
    inputs: [1],
    scalars: 0,
    reductions: [{ name: "sum", op: "sum", value: input(0) }],
    outputs: [{ per: "row", value: reduced("sum") }],
  };
  for (const rows of [0, 3]) {
    await cpu.check({
      inputs: [normals(1)],
      outputs: [{ length: rows, dtype: "f32" }],
      run: (device, inputs, outputs) =>
        device.row({ recipe, inputs, outputs, outer: [rows], columns: 0, strides: [[0]] }),
    });
  }
});

Deno.test("column: sums, maxima and minima over the middle of every shape", async () => {
  await using cpu = await checker();
  for (const op of ["sum", "max", "min"] as const) {
    const recipe: ColumnRecipe = {
      kind: "column",
      name: `column ${op}`,
      inputs: [1, 0],
      scalars: 1,
      op,
      value: input(0).mul(input(1)).add(scalar(0)),
    };
    for (
      const [outer, rows, inner] of [[1, 1, 1], [2, 63, 5], [3, 64, 4], [1, 65, 9], [2, 200, 33], [1, 1000, 3], [
        1,
        300,
        133,
      ]]
    ) {
      await cpu.check({
        inputs: [normals(outer * rows * inner), normals(rows)],
        outputs: [{ length: outer * inner, dtype: "f32" }],
        run: (device, inputs, [output]) => {
          const strides = [[rows * inner, inner], [0, 1]] as const;
          device.column({ recipe, inputs, output, outer, reduced: rows, inner, strides, scalars: [0.25] });
        },
      });
    }
  }
});

Deno.test("indexed: gathers rows by index in vectors of four and one by one", async () => {
  await using cpu = await checker();
  const gather = defineKernel({
    name: "gather",
    reads: { source: "f32", index: "i32" },
    writes: { out: "f32" },
    sizes: ["width"],
    vectors: true,
    body: (m, { item, source, index, out, width }) => {
      const parts = width.div(m.lanes);
      const row = index.load(item.div(parts));
      const offset = item.rem(parts).mul(m.lanes);
      out.store(item.mul(m.lanes), source.loadVec(row.mul(width).add(offset)));
    },
  });
  for (const lanes of [1, 4] as const) {
    const kernel = gather.compiled(lanes);
    const width = 12;
    for (const rows of [5, 9000]) {
      const items = rows * width / lanes;
      await cpu.check({
        inputs: [normals(7 * width), Int32Array.from({ length: rows }, () => random.int(7))],
        outputs: [{ length: rows * width, dtype: "f32" }],
        run: (device, inputs, outputs) => {
          device.indexed({ kernel, buffers: [...inputs, ...outputs], sizes: [width], items });
        },
      });
    }
  }
});

Deno.test("indexed: every operation of the machine on integers, floats and vectors", async () => {
  await using cpu = await checker();
  for (const lanes of [1, 4] as const) {
    const floatsOut = 30;
    const kernel = defineKernel({
      name: "operations",
      reads: { x: "f32", n: "i32" },
      writes: { floats: "f32", vectors: "f32", integers: "i32" },
      sizes: ["count"],
      scalars: ["half"],
      vectors: true,
      body: (m, { item, x, n, floats, vectors, integers, count, half }) => {
        const [a, b] = [x.load(item), x.load(item.add(1))];
        const [i, j] = [n.load(item), n.load(item.add(1))];
        const at = item.mul(lanes);
        const [u, v] = [x.loadVec(at), x.loadVec(at.add(4))];
        const put = <D extends "f32" | "i32">(buffer: BufferRef<D>, values: (Value<D> | Vector)[], width: number) =>
          values.forEach((value, k) => {
            buffer.store(item.mul(floatsOut).add(k).mul(width), value);
          });
        const sum = m.variable(m.float(0));
        m.loop(i.rem(5), (k) => {
          m.when(m.int(0).lt(k), () => sum.set(sum.get().add(k.toFloat().mul(half))));
        });
        const vectorSum = m.variable(m.splat(half));
        m.loop(m.int(3), (k) => vectorSum.set(vectorSum.get().add(m.iota(k))));
        const positive = <T extends "f32" | "vec">(value: Value<T>) => value.abs().add(0.5);
        const both = a.lt(b).and(i.le(j));
        const same = u.eq(u);
        const flags = (value: Value<"bool">) => value.select(m.float(1), -1);
        put(floats, [
          a.add(b),
          a.sub(b),
          a.mul(b),
          a.div(positive(b)),
          a.min(b),
          a.max(b),
          a.neg(),
          a.floor(),
          a.exp(),
          positive(a).log(),
          positive(a).sqrt(),
          a.sin(),
          a.cos(),
          a.erf(),
          i.toFloat(),
          flags(both),
          flags(i.eq(j).and(b.lt(a))),
          sum.get(),
          m.reduceLanes("sum", u),
          a.le(half).select(a, b),
        ], 1);
        put(vectors, [
          u.add(v),
          u.sub(v),
          u.mul(v),
          u.div(positive(v)),
          u.min(v),
          u.max(v),
          u.neg(),
          u.floor(),
          u.exp(),
          positive(u).log(),
          positive(u).sqrt(),
          u.sin(),
          u.cos(),
          u.erf(),
          u.le(v).and(same).select(u, v),
          a.lt(b).select(u, v), // one flag chooses whole vectors
          m.splat(a),
          m.splat(2.5),
          m.iota(item),
          vectorSum.get(),
        ], lanes);
        put(integers, [
          i.add(j),
          i.sub(j),
          i.mul(j),
          i.abs().div(3),
          i.abs().rem(3),
          i.min(j),
          i.max(2),
          i.and(6),
          i.or(j),
          i.xor(j),
          i.shiftLeft(3),
          i.shiftRight(28),
          i.neg(),
          a.mul(10).toInt(),
          a.floor().toInt(),
          count.sub(item.div(1).mul(0)),
        ], 1);
      },
    }).compiled(lanes);
    const items = 9;
    await cpu.check({
      inputs: [normals(items * lanes + 8), Int32Array.from({ length: items + 1 }, () => random.int(41) - 20)],
      outputs: [
        { length: items * floatsOut, dtype: "f32" },
        { length: items * floatsOut * lanes, dtype: "f32" },
        { length: items * floatsOut, dtype: "i32" },
      ],
      run: (device, inputs, outputs) => {
        outputs.forEach((output) => device.fill(output, 0, output.length));
        const buffers = [...inputs, ...outputs];
        device.indexed({ kernel, buffers, sizes: [items], scalars: [0.5], items });
      },
    });
  }
});

Deno.test("indexed: reduceLanes takes the sum, maximum and minimum of a vector, and of its one lane where it has one", async () => {
  await using cpu = await createCpuDevice({ threads: 1 }).then((device) => ({
    device,
    [Symbol.asyncDispose]: () => device.destroy(),
  }));
  const { device } = cpu;
  const [x, out] = [device.allocate(4), device.allocate(3)];
  device.upload(x, Float32Array.of(3, -7, 5, 0.5));
  const expected = { 1: [3, 3, 3], 4: [1.5, 5, -7] };
  for (const lanes of [1, 4] as const) {
    const kernel = defineKernel({
      name: "lanes",
      reads: { x: "f32" },
      writes: { out: "f32" },
      vectors: true,
      body: (m, { item, x, out }) => {
        const vector = x.loadVec(item);
        (["sum", "max", "min"] as const).forEach((op, i) => out.store(m.int(i), m.reduceLanes(op, vector)));
      },
    }).compiled(lanes);
    device.indexed({ kernel, buffers: [x, out], sizes: [], items: 1 });
    assertEquals([...await device.download(out, "f32", 3)], expected[lanes]);
  }
});

Deno.test("copy and fill touch what they are told to, and copies keep the bits of integers and NaN", async () => {
  const device = await createCpuDevice({ threads: 2 });
  const [from, to] = [device.allocate(50), device.allocate(50)];
  const data = Int32Array.from({ length: 50 }, (_, i) => i % 3 ? 0x7fa00000 + i : -i);
  device.upload(from, data);
  device.fill(to, 0, 50);
  device.copy({ from, fromOffset: 3, to, toOffset: 10, length: 21 });
  const copied = await device.download(to, "i32", 50);
  assertEquals([...copied], Array.from({ length: 50 }, (_, i) => i >= 10 && i < 31 ? data[i - 7] : 0));
  device.fill(to, 2.5, 33);
  assertEquals([...await device.download(to, "f32", 34)].slice(31), [2.5, 2.5, 0]);
  await device.destroy();
});

Deno.test("topK: sorted, stable, with NaN first, as the reference", async () => {
  await using cpu = await checker();
  for (const [rows, length, k] of [[1, 1, 1], [3, 10, 10], [2, 1000, 300], [1, 3000, 1], [2, 25_000, 900], [2, 7, 0]]) {
    // Few distinct values, so that ties are frequent; some special ones.
    const data = Float32Array.from({ length: rows * length }, () => Math.round(random.normal() * 40) / 8);
    [NaN, Infinity, -Infinity, -0, 0, -NaN].forEach((x, i) => {
      if (i * 7 < data.length) data[i * 7] = x;
    });
    const call = { rows, length, k };
    await cpu.check({
      inputs: [data],
      outputs: [{ length: rows * k, dtype: "f32" }, { length: rows * k, dtype: "i32" }],
      run: (device, [input], [values, indices]) => device.topK({ ...call, input, values, indices }),
      tolerance: 0,
    });
  }
});

Deno.test("memory: used, peak and reserved follow allocation; freed and foreign buffers are refused", async () => {
  const device = await createCpuDevice({ threads: 2 });
  const [a, b] = [device.allocate(1000), device.allocate(10)];
  assertEquals(device.memory.used, 4040);
  device.free(a);
  assertEquals([device.memory.used, device.memory.peak], [40, 4040]);
  device.resetPeak();
  assertEquals(device.memory.peak, 40);
  assert(device.memory.reserved >= 4040);
  assertThrows(() => device.fill(a, 0, 1), Error, "found one that was freed");
  assertThrows(() => device.fill(new ReferenceDevice().allocate(4), 0, 1), DeviceMismatchError, "found another's");
  device.free(b);
  assertEquals(device.memory.used, 0);
  assertThrows(() => device.allocate(2e9), DinogradError, "expected room for 8000000000 bytes");
  await device.destroy();
});
