import { assertEquals, assertThrows } from "@std/assert";
import { compare, gpuTest, numbers } from "../../../helpers/gpu_bench.ts";

// [rows, length, k]
const sizes = [[1, 1, 1], [3, 7, 7], [2, 64, 5], [2, 65, 65], [5, 300, 40], [2, 1000, 1], [1, 100_000, 2000]] as const;

gpuTest("the k largest and their places are exactly the oracle's, ties by lower index", async (gpu) => {
  for (const [rows, length, k] of sizes) {
    // Few different numbers, so that ties are many.
    for (const levels of [4, 1e9]) {
      await compare(gpu, async (bench) => {
        const data = numbers(rows * length).map((v) => Math.round(v * levels) / levels);
        const [values, indices] = [bench.empty(rows * k), bench.empty(rows * k)];
        bench.device.topK({ rows, length, k, input: bench.put(data), values, indices });
        return [await bench.floats(values, rows * k), await bench.ints(indices, rows * k)];
      }, { tolerance: 0 });
    }
  }
});

gpuTest("NaN counts as largest, infinities keep their places and -0 equals 0", async (gpu) => {
  const data = Float32Array.of(0, -0, NaN, -Infinity, Infinity, -1, NaN, 1e-45, -1e-45, -0, 0);
  await compare(gpu, async (bench) => {
    const [values, indices] = [bench.empty(11), bench.empty(11)];
    bench.device.topK({ rows: 1, length: 11, k: 11, input: bench.put(data), values, indices });
    return [await bench.floats(values, 11), await bench.ints(indices, 11)];
  });
});

gpuTest("k of 0 does nothing and k beyond the row is refused", async (gpu) => {
  const [input, values, indices] = [gpu.allocate(4), gpu.allocate(4), gpu.allocate(4)];
  gpu.fill(values, 9, 4);
  gpu.topK({ rows: 1, length: 4, k: 0, input, values, indices });
  assertEquals([...await gpu.download(values, "f32", 1)], [9]);
  assertThrows(() => gpu.topK({ rows: 1, length: 4, k: 5, input, values, indices }), RangeError, "found 5");
});
