import { assertEquals } from "@std/assert";
import type { Int } from "../../../../engine/kernel/language/value.ts";
import { defineKernel } from "../../../../engine/launch/kernel.ts";
import type { IndexedKernel } from "../../../../engine/kernel/language/recipes.ts";
import { compare, gpuTest, numbers } from "../../../helpers/gpu_bench.ts";

/** values [rows, width] at rows `index`, weighted, bilinear in spirit: vectors, loops, variables and conditions. */
function gatherKernel(lanes: 1 | 4): IndexedKernel {
  return defineKernel({
    name: `weighted gather, ${lanes} lanes`,
    reads: { values: "f32", index: "i32", weight: "f32" },
    writes: { out: "f32" },
    sizes: ["rows", "width", "points"],
    scalars: ["scale"],
    vectors: true,
    body: (m, { item, values, index, weight, out, rows, width, points, scale }) => {
      const parts = width.div(lanes);
      const query = item.div(parts);
      const j = item.rem(parts).mul(lanes);
      const sum = m.variable(m.splat(0));
      m.loop(points, (p) => {
        const at = query.mul(points).add(p);
        const row = index.load(at);
        m.when(m.int(0).le(row).and(row.lt(rows)), () => {
          const value = values.loadVec(row.mul(width).add(j));
          sum.set(sum.get().add(value.mul(m.splat(weight.load(at)))));
        });
      });
      const scaled = sum.get().mul(m.splat(scale));
      out.store(query.mul(width).add(j), scaled.lt(0).select(scaled.neg(), scaled));
    },
  }).compiled(lanes);
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
const mixed = defineKernel({
  name: "vectors and elements of one buffer",
  reads: { table: "f32" },
  writes: { sums: "f32" },
  updates: { data: "f32" },
  vectors: true,
  body: (m, { item, data, table, sums }) => {
    const at = item.mul(4);
    const vector = data.loadVec(at).mul(table.loadVec(at));
    const ramp = vector.add(m.iota(at));
    sums.store(item, m.reduceLanes("sum", ramp));
    data.store(at, ramp.max(0));
    data.store(at, table.load(at).add(data.load(at.add(1))));
  },
}).compiled(4);
gpuTest("a buffer can be used by vectors and by elements in one kernel", (gpu) =>
  compare(gpu, async (bench) => {
    const data = bench.put(numbers(40)), sums = bench.empty(10);
    bench.device.indexed({ kernel: mixed, buffers: [bench.put(numbers(40, 2)), sums, data], sizes: [], items: 10 });
    return [await bench.floats(data, 40), await bench.floats(sums, 10)];
  }, { scale: 40 }));

const lanesKernel = defineKernel({
  name: "the lanes of a vector",
  reads: { data: "f32" },
  writes: { out: "f32" },
  vectors: true,
  body: (m, { item, data, out }) => {
    const vector = data.loadVec(item.mul(4));
    out.store(item.mul(2), m.reduceLanes("max", vector));
    out.store(item.mul(2).add(1), m.reduceLanes("min", vector));
  },
}).compiled(4);
gpuTest("the greatest and least lane of a vector are found, NaN included", async (gpu) => {
  const [data, out] = [gpu.allocate(8), gpu.allocate(4)];
  gpu.upload(data, Float32Array.of(3, -7, 5, 1, 2, 4, NaN, 8));
  gpu.indexed({ kernel: lanesKernel, buffers: [data, out], sizes: [], items: 2 });
  assertEquals([...await gpu.download(out, "f32", 4)], [5, -7, NaN, NaN]);
});

/** A round of a counter-based generator: i32 arithmetic that wraps around, shifts without sign, float conversions. */
const integers = defineKernel({
  name: "integer arithmetic",
  writes: { floats: "f32" },
  updates: { bits: "i32" },
  sizes: ["seed"],
  body: (m, { item, bits, floats, seed }) => {
    const rotate = (x: Int, by: number) => x.shiftLeft(by).or(x.shiftRight(m.int(32 - by)));
    let x = bits.load(item).add(seed);
    x = rotate(x.mul(0x9e3779b9), 13).xor(x.and(0xff));
    x = x.add(rotate(x, 29).xor(0x7fffffff));
    bits.store(item, x);
    const unit = x.shiftRight(8).toFloat().mul(m.float(2 ** -24));
    const steps = unit.neg().mul(1000).toInt();
    const small = steps.abs().min(700);
    floats.store(item, unit.add(small.rem(3).eq(0).select(small, steps).toFloat()));
  },
}).compiled(1);
gpuTest("integers wrap around and shift as on every machine", (gpu) =>
  compare(gpu, async (bench) => {
    const bits = bench.put(Int32Array.from({ length: 1000 }, (_, i) => Math.imul(i, 0x85ebca6b)));
    const floats = bench.empty(1000);
    bench.device.indexed({ kernel: integers, buffers: [floats, bits], sizes: [-12345], items: 1000 });
    return [await bench.ints(bits, 1000), await bench.floats(floats, 1000)];
  }));

const count = defineKernel({
  name: "item number",
  writes: { out: "i32" },
  body: (_, { item, out }) => out.store(item, item),
}).compiled(1);
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
