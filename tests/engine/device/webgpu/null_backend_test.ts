/** Every kind of program, in every variant, through Dawn's validator, which needs neither a GPU nor a driver. */

import { assertEquals } from "@std/assert";
import { findAdapter } from "../../../../engine/device/webgpu/adapter.ts";
import * as conv2d from "../../../../engine/device/webgpu/conv2d.ts";
import { epilogueText } from "../../../../engine/device/webgpu/epilogue.ts";
import { gemmProgram } from "../../../../engine/device/webgpu/gemm.ts";
import { matmulSource } from "../../../../engine/device/webgpu/matmul.ts";
import { mergeRunsProgram, sortRunsProgram, takeProgram } from "../../../../engine/device/webgpu/top_k.ts";
import { pollGently } from "../../../helpers/webgpu.ts";
import type { Buffer } from "../../../../engine/device/buffer.ts";
import type { MatmulCall } from "../../../../engine/device/device.ts";
import { column, constant, input, reduced, scalar, select } from "../../../../engine/kernel/language/expr.ts";
import type { MathOp, Vector } from "../../../../engine/kernel/language/value.ts";
import { defineKernel } from "../../../../engine/launch/kernel.ts";
import type { ColumnRecipe, RowRecipe } from "../../../../engine/kernel/language/recipes.ts";
import { columnProgram } from "../../../../engine/kernel/wgsl/column.ts";
import { indexedProgram } from "../../../../engine/kernel/wgsl/indexed.ts";
import type { WgslProgram } from "../../../../engine/kernel/wgsl/machine.ts";
import { isSplittable, joinRecipe, rowPartsProgram, rowProgram } from "../../../../engine/kernel/wgsl/row.ts";

const x = input(0);
const FUNCTIONS: readonly MathOp[] = [
  ...["neg", "abs", "floor", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "atan", "erf"] as const,
];

const pointwise: RowRecipe = {
  kind: "row",
  name: "all scalar functions",
  rank: 3,
  inputs: [1, 0],
  scalars: 1,
  reductions: [],
  outputs: [
    {
      per: "element",
      value: x.neg().abs().floor().exp().expm1().log().log1p().sqrt().sin().cos().atan().erf().max(column()).min(
        scalar(0),
      )
        .add(select(x.lt(input(1)), constant(Infinity), constant(NaN))).sub(constant(-Infinity)).div(1e39),
      into: 0,
    },
    { per: "row", value: input(1).mul(2) },
  ],
};
const norms: RowRecipe = {
  kind: "row",
  name: "all reductions",
  rank: 2,
  inputs: [1],
  scalars: 0,
  reductions: (["sum", "max", "min"] as const).map((op) => ({ name: op, op, value: x.square() })),
  outputs: [{ per: "row", value: reduced("sum").add(reduced("max")).sub(reduced("min")) }],
};
const columns = (["sum", "max", "min"] as const).map((op): ColumnRecipe => ({
  kind: "column",
  name: op,
  inputs: [1, 0],
  scalars: 1,
  op,
  value: x.mul(input(1)).add(scalar(0)),
}));
const indexed = (lanes: 1 | 4) => (defineKernel({
  name: `all functions, ${lanes} lanes`,
  reads: { from: "f32" },
  writes: { to: "f32" },
  sizes: ["n"],
  scalars: ["s"],
  vectors: true,
  body: (m, { item, from, to, n, s }) => {
    const at = item.mul(4);
    let value = from.loadVec(at).add(m.splat(s));
    for (const op of FUNCTIONS) value = m.math(op, value) as Vector; // functions keep the type
    value = value.min(m.iota(at)).max(NaN);
    m.when(item.le(n), () => to.store(at, value));
  },
}).compiled(lanes));

const layout = (column: number) => ({ row: 3, column, outer: 0, inner: 0 });
const none: Buffer = { length: 0 };
const call = (a: number, b: number): MatmulCall => ({
  ...{ m: 1, n: 1, k: 1, outerBatch: 1, innerBatch: 1, a: none, b: none, out: none },
  aLayout: layout(a),
  bLayout: { ...layout(b), row: b === 1 ? 3 : 1 },
  outLayout: layout(1),
});
const epilogue = epilogueText({
  name: "everything",
  value: x.mul(input(1)).add(input(2)).add(input(3)).max(0),
  operands: ["row", "column", "element"],
}, 3);

function* programs(): Generator<WgslProgram> {
  for (const threads of [1, 8, 64, 256]) {
    const workgroup = { threads, rows: 256 / threads };
    yield rowProgram(pointwise, workgroup);
    yield rowProgram(norms, workgroup);
    yield rowPartsProgram(norms, workgroup);
    yield rowProgram(joinRecipe(norms), workgroup);
  }
  for (const recipe of columns) yield columnProgram(recipe);
  for (const lanes of [1, 4] as const) yield indexedProgram(indexed(lanes));
  yield* [sortRunsProgram, mergeRunsProgram, takeProgram];
  const products = [[1, 1], [1, 3], [3, 1], [3, 3]].map(([a, b]) => matmulSource(call(a, b)));
  const convolutions = [conv2d.forward, conv2d.inputGradient, conv2d.weightGradient].map(({ source }) => source);
  for (const source of [...products, ...convolutions]) {
    for (const tiles of ["registers", "shared"] as const) {
      yield gemmProgram(source, { tiles, parts: false });
      yield gemmProgram(source, { tiles, parts: true });
      yield gemmProgram(source, { tiles, parts: false, epilogue });
    }
  }
}

Deno.test({
  name: "every kernel that is printed is valid WGSL",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    pollGently();
    const found = await findAdapter("null");
    assertEquals(found !== undefined, true, "Dawn has its null backend everywhere");
    const device = await found!.adapter.requestDevice(); // asserted just above
    for (const program of programs()) {
      const module = device.createShaderModule({ code: program.text });
      const { messages } = await module.getCompilationInfo();
      const errors = messages.filter(({ type }) => type === "error");
      const shown = errors.map(({ lineNum, message }) => `${program.name}:${lineNum}: ${message}`);
      assertEquals(shown, [], program.text);
    }
    device.destroy();
  },
});

Deno.test("rows are reduced in parts only where each reduction stands alone and nothing is stored per element", () => {
  assertEquals(isSplittable(norms), true);
  assertEquals(isSplittable(pointwise), false);
  const chained = {
    ...norms,
    reductions: [...norms.reductions, { name: "b", op: "sum", value: reduced("sum") } as const],
  };
  assertEquals(isSplittable(chained), false);
});
