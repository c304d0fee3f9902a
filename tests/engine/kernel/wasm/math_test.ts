/** exp, log, sin, cos, erf and their relatives in WebAssembly against float64. */

import { assert, assertEquals } from "@std/assert";
import { createCpuDevice } from "../../../../engine/device/wasm/device.ts";
import { type Expr, input } from "../../../../engine/kernel/language/expr.ts";
import { erf } from "../../../../engine/kernel/language/numbers.ts";
import type { RowRecipe } from "../../../../engine/kernel/language/recipes.ts";

function pointwise(name: string, value: Expr): RowRecipe {
  const outputs = [{ per: "element", value }] as const;
  return { kind: "row", name, rank: 1, inputs: [1], scalars: 0, reductions: [], outputs };
}

async function evaluate(value: Expr, xs: readonly number[], fusedMultiplyAdd: boolean): Promise<Float32Array> {
  const device = await createCpuDevice({ threads: 1, fusedMultiplyAdd });
  const columns = xs.length;
  const [x, y] = [device.allocate(columns), device.allocate(columns)];
  device.upload(x, Float32Array.from(xs));
  const recipe = pointwise("f", value);
  device.row({ recipe, inputs: [x], outputs: [y], outer: [1], columns, strides: [[columns]] });
  const result = await device.download(y, "f32", columns);
  await device.destroy();
  return Float32Array.from(result);
}

/** Float32 numbers spread over an interval, and just beside its ends. */
function spread(low: number, high: number, count = 20_001): number[] {
  return Array.from({ length: count }, (_, i) => Math.fround(low + (high - low) * i / (count - 1)));
}

/** The distance of two neighbouring float32 numbers at y. */
function unitInTheLastPlace(y: number): number {
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(y) || 2 ** -149)), -126);
  return 2 ** (exponent - 23);
}

const MAXIMUM_ULP = 2;

interface Case {
  readonly name: string;
  readonly value: Expr;
  readonly exact: (x: number) => number;
  readonly ranges: readonly [number, number][];
  readonly maximum?: number;
}

const cases: readonly Case[] = [
  { name: "exp", value: input(0).exp(), exact: Math.exp, ranges: [[-104, 89], [-1, 1], [-1e-3, 1e-3], [80, 88.8]] },
  { name: "log", value: input(0).log(), exact: Math.log, ranges: [[0, 1e-38], [1e-3, 4], [0.99, 1.01], [1, 3e38]] },
  { name: "sin", value: input(0).sin(), exact: Math.sin, ranges: [[-7, 7], [-1000, 1000], [-1e-3, 1e-3]] },
  { name: "cos", value: input(0).cos(), exact: Math.cos, ranges: [[-7, 7], [-1000, 1000], [1.57, 1.5709]] },
  {
    name: "expm1",
    value: input(0).expm1(),
    exact: Math.expm1,
    ranges: [[-20, 20], [-1e-3, 1e-3], [-1, 1], [80, 88.8]],
  },
  {
    name: "log1p",
    value: input(0).log1p(),
    exact: Math.log1p,
    maximum: 2.5,
    ranges: [[-1, 1], [-1e-3, 1e-3], [1, 3e38], [-1e-9, 1e-9]],
  },
  {
    name: "atan",
    value: input(0).atan(),
    exact: Math.atan,
    maximum: 2.5,
    ranges: [[-3, 3], [-1e-3, 1e-3], [-1e4, 1e4], [0, 1e-38]],
  },
  { name: "sqrt", value: input(0).sqrt(), exact: Math.sqrt, ranges: [[0, 1e-37], [0, 100]] },
];

for (const { name, value, exact, ranges, maximum = MAXIMUM_ULP } of cases) {
  for (const fused of [true, false]) {
    const how = fused ? "fused" : "unfused";
    Deno.test(`${name}, ${how}: within ${maximum} units in the last place of float64`, async () => {
      const xs = ranges.flatMap(([low, high]) => spread(low, high));
      const ys = await evaluate(value, xs, fused);
      let worst = 0;
      let worstAt = 0;
      xs.forEach((x, i) => {
        const expected = exact(x);
        if (ys[i] === Math.fround(expected)) return;
        const error = Math.abs(ys[i] - expected) / unitInTheLastPlace(expected);
        assert(!Number.isNaN(error), `${name}(${x}) is ${ys[i]}, expected ${expected}`);
        if (error > worst) [worst, worstAt] = [error, x];
      });
      assert(worst <= maximum, `${name}(${worstAt}) is ${worst} units off`);
    });
  }
}

Deno.test("erf: within 1e-7 absolute of float64, and relatively exact near 0", async () => {
  for (const fused of [true, false]) {
    const xs = [...spread(-5, 5), ...spread(0.95, 1.05), ...spread(-1e-4, 1e-4)];
    const ys = await evaluate(input(0).erf(), xs, fused);
    xs.forEach((x, i) => {
      const expected = erf(x);
      assert(Math.abs(ys[i] - expected) <= 1e-7, `erf(${x}) is ${ys[i]}, expected ${expected}`);
      if (Math.abs(x) < 0.1) assert(Math.abs(ys[i] - expected) <= 3e-7 * Math.abs(expected), `erf(${x}) is ${ys[i]}`);
    });
  }
});

Deno.test("large angles keep their phase up to 1e8", async () => {
  const xs = [...spread(-1e8, 1e8), ...spread(1e5, 1.0001e5)];
  const [sines, cosines] = [await evaluate(input(0).sin(), xs, true), await evaluate(input(0).cos(), xs, true)];
  xs.forEach((x, i) => {
    assert(Math.abs(sines[i] - Math.sin(x)) <= 1.2e-7, `sin(${x}) is ${sines[i]}`);
    assert(Math.abs(cosines[i] - Math.cos(x)) <= 1.2e-7, `cos(${x}) is ${cosines[i]}`);
  });
});

Deno.test("special arguments give what IEEE 754 and float64 give", async () => {
  const xs = [0, -0, Infinity, -Infinity, NaN, 1, -1, 2 ** -149, 2 ** -126, 3.4e38, -3.4e38, -1e-45];
  const exact: [Expr, (x: number) => number][] = [
    [input(0).exp(), Math.exp],
    [input(0).log(), Math.log],
    [input(0).expm1(), Math.expm1],
    [input(0).log1p(), Math.log1p],
    [input(0).atan(), Math.atan],
    [input(0).sqrt(), Math.sqrt],
    [input(0).erf(), erf],
    [input(0).abs(), Math.abs],
    [input(0).floor(), Math.floor],
    [input(0).neg(), (x) => -x],
    [input(0).max(0), (x) => Math.max(x, 0)],
    [input(0).min(0), (x) => Math.min(x, 0)],
    [input(0).max(input(0).neg()), (x) => Math.max(x, -x)],
  ];
  for (const [value, f] of exact) {
    const ys = await evaluate(value, xs, true);
    xs.forEach((x, i) => {
      const y = Math.fround(f(Math.fround(x)));
      const close = Object.is(ys[i], y) || ys[i] === y || Math.abs(ys[i] - y) <= 2 * unitInTheLastPlace(y);
      assert(close, `${value.op}(${x}) is ${ys[i]}, expected ${y}`);
    });
  }
  const notNumbers = await evaluate(input(0).sin(), [NaN, Infinity, -Infinity], true);
  assertEquals([...notNumbers], [NaN, NaN, NaN]);
});
