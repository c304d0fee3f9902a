import { assertEquals } from "@std/assert";
import { input, scalar } from "../../../../engine/kernel/language/expr.ts";
import type { ColumnRecipe } from "../../../../engine/kernel/language/recipes.ts";
import { compare, gpuTest, numbers } from "../../../helpers/gpu_bench.ts";

const recipeOf = (op: ColumnRecipe["op"]): ColumnRecipe => ({
  kind: "column",
  name: `${op} of products`,
  inputs: [1, 0],
  scalars: 1,
  op,
  value: input(0).mul(input(1)).add(scalar(0)),
});

// [outer, reduced, inner]; the last three are long enough to be cut into parts.
const sizes = [[1, 1, 1], [3, 5, 7], [2, 129, 1], [1, 17, 300], [2, 1500, 5], [1, 3001, 1], [1, 200_000, 3]] as const;

for (const op of ["sum", "max", "min"] as const) {
  const recipe = recipeOf(op);
  gpuTest(`the ${op} over the middle axis agrees with float64, cut into parts or not`, async (gpu) => {
    for (const [outer, reduced, inner] of sizes) {
      await compare(gpu, async (bench) => {
        const output = bench.empty(outer * inner);
        bench.device.column({
          recipe,
          // The second operand has one number per row of each outer, stored [reduced, outer].
          inputs: [bench.put(numbers(outer * reduced * inner)), bench.put(numbers(outer * reduced, 2))],
          output,
          outer,
          reduced,
          inner,
          strides: [[reduced * inner, inner], [1, outer]],
          scalars: [0.25],
        });
        return [await bench.floats(output, outer * inner)];
      }, { scale: Math.sqrt(reduced) });
    }
  });
}

gpuTest("nothing reduced gives the neutral number and no columns do nothing", (gpu) =>
  compare(gpu, async (bench) => {
    const output = bench.empty(3);
    const inputs = [bench.put(numbers(3)), bench.put(numbers(3))];
    const launch = { inputs, output, strides: [[0, 3], [1, 1]] as const, scalars: [1] };
    bench.device.column({ ...launch, recipe: recipeOf("max"), outer: 1, reduced: 0, inner: 2 });
    bench.device.column({ ...launch, recipe: recipeOf("sum"), outer: 0, reduced: 4, inner: 3 });
    return [await bench.floats(output, 3)];
  }));

gpuTest("more columns than 65535 workgroups hold are all reduced", async (gpu) => {
  const columns = 65_536 * 64 + 5;
  const [two, ones, sums] = [gpu.allocate(2), gpu.allocate(columns), gpu.allocate(columns)];
  gpu.fill(two, 1, 2);
  gpu.fill(ones, 1, columns);
  const launch = { recipe: recipeOf("sum"), inputs: [ones, two], output: sums, outer: 1, reduced: 2, inner: columns };
  gpu.column({ ...launch, strides: [[0, 0], [0, 1]], scalars: [0.5] });
  const found = await gpu.download(sums, "f32", columns);
  assertEquals(found.findIndex((sum) => sum !== 3), -1);
});
