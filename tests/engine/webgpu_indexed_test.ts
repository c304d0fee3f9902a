import { assertEquals } from "@std/assert";
import type { Machine, Value } from "../../engine/kernel/language/machine.ts";
import type { IndexedKernel } from "../../engine/kernel/language/recipes.ts";
import { compare, gpuTest, numbers } from "./webgpu_support.ts";

/** values [rows, width] at rows `index`, weighted, bilinear in spirit: vectors, loops, variables and conditions. */
function gatherKernel(lanes: 1 | 4): IndexedKernel {
  return {
    kind: "indexed",
    name: `weighted gather, ${lanes} lanes`,
    buffers: [
      { name: "values", dtype: "f32", access: "read" },
      { name: "index", dtype: "i32", access: "read" },
      { name: "weight", dtype: "f32", access: "read" },
      { name: "out", dtype: "f32", access: "write" },
    ],
    sizes: ["rows", "width", "points"],
    scalars: ["scale"],
    lanes,
    body: (m, item, { buffers: [values, index, weight, out], sizes: [rows, width, points], scalars: [scale] }) => {
      const parts = m.div(width, m.int(lanes));
      const query = m.div(item, parts);
      const j = m.mul(m.rem(item, parts), m.int(lanes));
      const sum = m.variable(m.splat(0));
      m.loop(points, (p) => {
        const at = m.add(m.mul(query, points), p);
        const row = m.load(index, at);
        m.when(m.both(m.le(m.int(0), row), m.lt(row, rows)), () => {
          const value = m.loadVec(values, m.add(m.mul(row, width), j));
          sum.set(m.add(sum.get(), m.mul(value, m.splat(m.load(weight, at)))));
        });
      });
      const scaled = m.mul(sum.get(), m.splat(scale));
      m.store(out, m.add(m.mul(query, width), j), m.select(m.lt(scaled, m.splat(0)), m.math("neg", scaled), scaled));
    },
  };
}

for (const lanes of [1, 4] as const) {
  gpuTest(`a gather with ${lanes} lanes agrees with the oracle`, (gpu) =>
    compare(gpu, async (bench) => {
      const queries = 37, points = 5, rows = 11, width = 12;
      const index = Int32Array.from(numbers(queries * points, 2), (v) => Math.floor((v + 1) * 7) - 1);
      const out = bench.empty(queries * width);
      bench.device.indexed({
        kernel: gatherKernel(lanes),
        buffers: [bench.put(numbers(rows * width)), bench.put(index), bench.put(numbers(queries * points, 3)), out],
        sizes: [rows, width, points],
        scalars: [1.5],
        items: queries * width / lanes,
      });
      return [await bench.floats(out, queries * width)];
    }));
}

/** Reads and writes one buffer by vectors and by elements, and takes a vector's lanes apart. */
const mixed: IndexedKernel = {
  kind: "indexed",
  name: "vectors and elements of one buffer",
  buffers: [
    { name: "data", dtype: "f32", access: "read_write" },
    { name: "table", dtype: "f32", access: "read" },
    { name: "sums", dtype: "f32", access: "write" },
  ],
  sizes: [],
  lanes: 4,
  body: (m, item, { buffers: [data, table, sums] }) => {
    const at = m.mul(item, m.int(4));
    const vector = m.mul(m.loadVec(data, at), m.loadVec(table, at));
    const ramp = m.add(vector, m.iota(at));
    m.store(sums, item, m.reduceLanes("sum", ramp));
    m.store(data, at, m.arithmetic("max", ramp, m.splat(0)));
    m.store(data, at, m.add(m.load(table, at), m.load(data, m.add(at, m.int(1)))));
  },
};
gpuTest("a buffer can be used by vectors and by elements in one kernel", (gpu) =>
  compare(gpu, async (bench) => {
    const data = bench.put(numbers(40)), sums = bench.empty(10);
    bench.device.indexed({ kernel: mixed, buffers: [data, bench.put(numbers(40, 2)), sums], sizes: [], items: 10 });
    return [await bench.floats(data, 40), await bench.floats(sums, 10)];
  }, { scale: 40 }));

const lanesKernel: IndexedKernel = {
  kind: "indexed",
  name: "the lanes of a vector",
  buffers: [{ name: "data", dtype: "f32", access: "read" }, { name: "out", dtype: "f32", access: "write" }],
  sizes: [],
  lanes: 4,
  body: (m, item, { buffers: [data, out] }) => {
    const vector = m.loadVec(data, m.mul(item, m.int(4)));
    m.store(out, m.mul(item, m.int(2)), m.reduceLanes("max", vector));
    m.store(out, m.add(m.mul(item, m.int(2)), m.int(1)), m.reduceLanes("min", vector));
  },
};
gpuTest("the greatest and least lane of a vector are found, NaN included", async (gpu) => {
  const [data, out] = [gpu.allocate(8), gpu.allocate(4)];
  gpu.upload(data, Float32Array.of(3, -7, 5, 1, 2, 4, NaN, 8));
  gpu.indexed({ kernel: lanesKernel, buffers: [data, out], sizes: [], items: 2 });
  assertEquals([...await gpu.download(out, "f32", 4)], [5, -7, NaN, NaN]);
});

/** A round of a counter-based generator: i32 arithmetic that wraps around, shifts without sign, float conversions. */
const integers: IndexedKernel = {
  kind: "indexed",
  name: "integer arithmetic",
  buffers: [{ name: "bits", dtype: "i32", access: "read_write" }, { name: "floats", dtype: "f32", access: "write" }],
  sizes: ["seed"],
  lanes: 1,
  body: (m, item, { buffers: [bits, floats], sizes: [seed] }) => {
    const rotate = (x: Value, by: number) =>
      m.integer("or", m.integer("shl", x, m.int(by)), m.integer("shrU", x, m.int(32 - by)));
    let x = m.add(m.load(bits, item), seed);
    x = m.integer("xor", rotate(m.mul(x, m.int(0x9e3779b9)), 13), m.integer("and", x, m.int(0xff)));
    x = m.add(x, m.integer("xor", rotate(x, 29), m.int(0x7fffffff)));
    m.store(bits, item, x);
    const unit = m.mul(m.toFloat(m.integer("shrU", x, m.int(8))), m.float(2 ** -24));
    const steps = m.toInt(m.mul(m.math("neg", unit), m.float(1000)));
    const small = m.arithmetic("min", m.math("abs", steps), m.int(700));
    m.store(floats, item, m.add(unit, m.toFloat(m.select(m.eq(m.rem(small, m.int(3)), m.int(0)), small, steps))));
  },
};
gpuTest("integers wrap around and shift as on every machine", (gpu) =>
  compare(gpu, async (bench) => {
    const bits = bench.put(Int32Array.from({ length: 1000 }, (_, i) => Math.imul(i, 0x85ebca6b)));
    const floats = bench.empty(1000);
    bench.device.indexed({ kernel: integers, buffers: [bits, floats], sizes: [-12345], items: 1000 });
    return [await bench.ints(bits, 1000), await bench.floats(floats, 1000)];
  }));

const count: IndexedKernel = {
  kind: "indexed",
  name: "item number",
  buffers: [{ name: "out", dtype: "i32", access: "write" }],
  sizes: [],
  lanes: 1,
  body: (m: Machine, item, { buffers: [out] }) => m.store(out, item, item),
};
gpuTest(
  "more items than 65535 workgroups hold are all run, and none runs for 0 items",
  (gpu) =>
    compare(gpu, async (bench) => {
      const items = 65_536 * 64 + 77;
      const out = bench.empty(items + 1);
      bench.device.indexed({ kernel: count, buffers: [out], sizes: [], items });
      const empty = bench.empty(4);
      bench.device.indexed({ kernel: count, buffers: [empty], sizes: [], items: 0 });
      return [(await bench.ints(out, items)).slice(-70_000), await bench.floats(empty, 4)];
    }),
);
