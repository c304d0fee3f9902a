import { assertEquals } from "@std/assert";
import {
  column,
  constant,
  type Expr,
  input,
  reduced,
  scalar,
  select,
} from "../../../../engine/kernel/language/expr.ts";
import type { RowRecipe } from "../../../../engine/kernel/language/recipes.ts";
import { type Bench, bitsOf, compare, gpuTest, numbers } from "../../../helpers/gpu_bench.ts";

function pointwise(name: string, value: Expr, inputs: readonly (0 | 1)[] = [1]): RowRecipe {
  return { kind: "row", name, rank: 1, inputs, scalars: 0, reductions: [], outputs: [{ per: "element", value }] };
}

/** Runs a recipe of one contiguous input over all of `data` as one row. */
const apply = (recipe: RowRecipe, data: Float32Array) => async (bench: Bench) => {
  const out = bench.empty(data.length);
  const inputs = [bench.put(data)];
  const columns = data.length;
  bench.device.row({ recipe, inputs, outputs: [out], outer: [1], columns, strides: [[columns]] });
  return [await bench.floats(out, data.length)];
};

const sweep = (from: number, to: number, count = 4001) =>
  Float32Array.from({ length: count }, (_, i) => from + (to - from) * i / (count - 1));
const powers = Float32Array.from({ length: 2000 }, (_, i) => 2 ** (i / 8 - 125));

const x = input(0);
const functions: readonly (readonly [string, Expr, Float32Array, number?])[] = [
  ["exp", x.exp(), sweep(-86, 88.7)],
  ["log over all magnitudes", x.log(), powers],
  ["log near 1", x.log(), sweep(0.9, 1.1)],
  ["expm1", x.expm1(), sweep(-20, 20)],
  ["expm1 near 0", x.expm1(), sweep(-1e-3, 1e-3)],
  ["log1p", x.log1p(), sweep(-0.99, 3)],
  ["log1p near 0", x.log1p(), sweep(-1e-3, 1e-3)],
  ["atan", x.atan(), sweep(-30, 30)],
  ["sqrt", x.sqrt(), powers],
  // Near multiples of pi the result is as small as the rounding of x: there only the absolute error counts.
  ["sin", x.sin(), sweep(-50, 50), 0.05],
  ["cos", x.cos(), sweep(-50, 50), 0.05],
  ["sin of large numbers", x.sin(), sweep(1000, 11000), 0.2],
  ["erf", x.erf(), sweep(-5, 5)],
  ["erf near 0", x.erf(), sweep(-1e-3, 1e-3)],
  ["floor", x.floor(), sweep(-5, 5)],
  ["sigmoid", x.sigmoid(), sweep(-80, 80)],
  ["division", constant(1).div(x), powers],
];
for (const [name, expr, data, scale = 0] of functions) {
  gpuTest(
    `${name} agrees with float64 to float32 accuracy`,
    (gpu) => compare(gpu, apply(pointwise(name, expr), data), { scale }),
  );
}

const INF = Infinity;
const special = Float32Array.of(0, -0, 1, -1, INF, -INF, NaN, 200, -200, 1e-30, -1e30);

gpuTest("infinities and NaN go through functions as in float64", async (gpu) => {
  for (
    const [name, value] of Object.entries({
      ...{ exp: x.exp(), log: x.log(), erf: x.erf(), sqrt: x.sqrt(), sin: x.sin() },
      ...{ expm1: x.expm1(), log1p: x.log1p(), atan: x.atan() },
    })
  ) {
    // exp(200) and exp(-200) are beyond float32, sin(1e30) beyond range reduction.
    const data = special.filter((v) =>
      name.startsWith("exp") ? Math.abs(v) !== 200 : name !== "sin" || Math.abs(v) < 1e4
    );
    await compare(gpu, apply(pointwise(name, value), data), { scale: 0 });
  }
});

gpuTest("maximum, minimum and clamp hand NaN on and select does not", async (gpu) => {
  await compare(gpu, apply(pointwise("relu", x.max(0)), special));
  await compare(gpu, apply(pointwise("maximum, reversed", constant(0).max(x)), special));
  await compare(gpu, apply(pointwise("clamp", x.clamp(-2, 2)), special));
  await compare(gpu, apply(pointwise("select", select(x.lt(0.5), constant(1).div(x), x)), special));
  await compare(
    gpu,
    apply(pointwise("a NaN that is not chosen", select(x.le(1), x, constant(NaN))), Float32Array.of(1, 2)),
  );
});

const rank3: RowRecipe = {
  kind: "row",
  name: "two outputs from four operands",
  rank: 3,
  inputs: [1, 0, 1, 1],
  scalars: 2,
  reductions: [],
  outputs: [
    { per: "element", value: x.mul(scalar(0)).add(input(1)).add(input(2).mul(column())) },
    { per: "element", value: x.sub(input(3)).mul(scalar(1)) },
    { per: "row", value: input(1).exp() },
  ],
};
for (const columns of [1, 2, 5, 17, 65, 300]) {
  gpuTest(`a pointwise recipe reads strided operands with ${columns} columns`, (gpu) =>
    compare(gpu, async (bench) => {
      const outer = [3, 2, 5], rows = 30, total = rows * columns;
      const out = [bench.empty(total), bench.empty(total), bench.empty(rows)];
      bench.device.row({
        recipe: rank3,
        inputs: [
          bench.put(numbers(total)),
          bench.put(numbers(10, 2)),
          bench.put(numbers(2 * columns, 3)),
          bench.put(numbers(total, 4)),
        ],
        outputs: out,
        outer,
        columns,
        // Input 1 is a [2, 5] table, input 2 a [2, columns] one, input 3 has its first two axes swapped in memory.
        strides: [[10 * columns, 5 * columns, columns], [0, 5, 1], [0, columns, 0], [
          5 * columns,
          15 * columns,
          columns,
        ]],
        scalars: [0.5, -3],
      });
      return [await bench.floats(out[0], total), await bench.floats(out[1], total), await bench.floats(out[2], rows)];
    }, { scale: columns }));
}

const softmax: RowRecipe = {
  kind: "row",
  name: "softmax",
  rank: 1,
  inputs: [1],
  scalars: 0,
  reductions: [
    { name: "max", op: "max", value: x },
    { name: "sum", op: "sum", value: x.sub(reduced("max")).exp() },
  ],
  outputs: [{ per: "element", value: x.sub(reduced("max")).exp().div(reduced("sum")), into: 0 }],
};

const layerNorm: RowRecipe = {
  kind: "row",
  name: "layer norm",
  rank: 1,
  inputs: [1, 1, 1],
  scalars: 2,
  reductions: [
    { name: "sum", op: "sum", value: x },
    { name: "squares", op: "sum", value: x.sub(reduced("sum").mul(scalar(0))).square() },
    { name: "low", op: "min", value: x },
  ],
  outputs: [
    {
      per: "element",
      value: x.sub(reduced("sum").mul(scalar(0))).div(reduced("squares").mul(scalar(0)).add(scalar(1)).sqrt())
        .mul(input(1)).add(input(2)),
    },
    { per: "row", value: reduced("low") },
  ],
};

const sizes = [[3, 1], [5, 3], [9, 16], [2, 63], [3, 64], [1, 65], [2, 700], [1, 1500], [2, 40001]] as const;
gpuTest("softmax in place and layer norm agree with float64 for rows from 1 to 40001 long", async (gpu) => {
  for (const [rows, columns] of sizes) {
    await compare(gpu, async (bench) => {
      const buffer = bench.put(numbers(rows * columns).map((v) => 5 * v));
      bench.device.row({
        recipe: softmax,
        inputs: [buffer],
        outputs: [],
        outer: [rows],
        columns,
        strides: [[columns]],
      });
      return [await bench.floats(buffer, rows * columns)];
    }, { scale: 0 });
    await compare(gpu, async (bench) => {
      const out = [bench.empty(rows * columns), bench.empty(rows)];
      bench.device.row({
        recipe: layerNorm,
        inputs: [numbers(rows * columns), numbers(columns, 2), numbers(columns, 3)].map((data) => bench.put(data)),
        outputs: out,
        outer: [rows],
        columns,
        strides: [[columns], [0], [0]],
        scalars: [1 / columns, 1e-5],
      });
      return [await bench.floats(out[0], rows * columns), await bench.floats(out[1], rows)];
    });
  }
});

const norms: RowRecipe = {
  kind: "row",
  name: "norms",
  rank: 2,
  inputs: [1, 0],
  scalars: 1,
  reductions: [{ name: "sum", op: "sum", value: x.square() }, { name: "max", op: "max", value: x.mul(input(1)) }],
  outputs: [{ per: "row", value: reduced("sum").sqrt().mul(scalar(0)) }, {
    per: "row",
    value: reduced("max").add(input(1)),
  }],
};
gpuTest("rows of 100003 columns are reduced in parts", (gpu) =>
  compare(gpu, async (bench) => {
    const columns = 100003, outer = [2, 3];
    const out = [bench.empty(6), bench.empty(6)];
    bench.device.row({
      recipe: norms,
      inputs: [bench.put(numbers(3 * columns)), bench.put(numbers(6, 7))],
      outputs: out,
      outer,
      columns,
      strides: [[0, columns], [3, 1]],
      scalars: [0.5],
    });
    return [await bench.floats(out[0], 6), await bench.floats(out[1], 6)];
  }, { tolerance: 2e-6 }));

const rowSum: RowRecipe = {
  kind: "row",
  name: "a row's sum",
  rank: 1,
  inputs: [1],
  scalars: 0,
  reductions: [{ name: "sum", op: "sum", value: x }],
  outputs: [{ per: "row", value: reduced("sum") }],
};
gpuTest("more rows than 65535 workgroups hold are all computed", async (gpu) => {
  // 65 columns are one workgroup a row for pointwise recipes, 64 are one for reductions on a software rasterizer.
  const rows = 65_540, columns = 65;
  const ones = gpu.allocate(rows * columns);
  gpu.row({
    recipe: pointwise("ones", constant(1), []),
    inputs: [],
    outputs: [ones],
    outer: [rows],
    columns,
    strides: [],
  });
  for (const [count, width] of [[rows, columns], [600_001, 7]]) {
    const sums = gpu.allocate(count);
    const launch = { recipe: rowSum, inputs: [ones], outputs: [sums], outer: [count], columns: width };
    gpu.row({ ...launch, strides: [[width]] });
    const found = await gpu.download(sums, "f32", count);
    assertEquals(found.findIndex((sum) => sum !== width), -1);
    gpu.free(sums);
  }
});

gpuTest("empty rows give the reductions' neutral numbers and no rows do nothing", async (gpu) => {
  await compare(gpu, async (bench) => {
    const out = [bench.empty(2), bench.empty(2)];
    const inputs = [bench.put(numbers(1)), bench.put(numbers(2))];
    bench.device.row({
      recipe: norms,
      inputs,
      outputs: out,
      outer: [1, 2],
      columns: 0,
      strides: [[0, 0], [0, 1]],
      scalars: [1],
    });
    bench.device.row({
      recipe: norms,
      inputs,
      outputs: out,
      outer: [0, 2],
      columns: 5,
      strides: [[0, 0], [0, 1]],
      scalars: [1],
    });
    return [await bench.floats(out[0], 2), await bench.floats(out[1], 2)];
  });
});

gpuTest("the bits of a row do not depend on how many rows there are", async (gpu) => {
  const columns = 300, data = numbers(9 * columns);
  const run = async (rows: number) => {
    const buffer = gpu.allocate(rows * columns);
    gpu.upload(buffer, data.subarray(0, rows * columns));
    gpu.row({ recipe: softmax, inputs: [buffer], outputs: [], outer: [rows], columns, strides: [[columns]] });
    return bitsOf((await gpu.download(buffer, "f32", rows * columns)).slice(0, columns));
  };
  assertEquals(await run(1), await run(9));
});
