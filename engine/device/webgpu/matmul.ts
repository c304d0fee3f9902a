/** Batched matrix products on the GPU: where a, b and out are, for `gemm.ts`. The naive twin is in the reference device. */

import type { MatmulCall } from "../device.ts";
import { type Fast, type GemmShape, type GemmSource, gemmSplits, type Tiles } from "./gemm.ts";

const FUNCTIONS = `var<private> base: vec3<i32>;
fn start_batch(batch: i32) {
  let o = batch / params.inner;
  let i = batch % params.inner;
  base = vec3<i32>(o * params.a_outer + i * params.a_inner, o * params.b_outer + i * params.b_inner,
    o * params.out_outer + i * params.out_inner);
}
fn row_state(row: i32) -> i32 { return base.x + row * params.a_row; }
fn column_state(column: i32) -> vec4<i32> { return vec4<i32>(base.y + column * params.b_column, 0, 0, 0); }
fn k_state(k: i32) -> vec4<i32> { return vec4<i32>(k, 0, 0, 0); }
fn load_a(k: vec4<i32>, row: i32) -> f32 { return b0[row + k.x * params.a_column]; }
fn load_b(k: vec4<i32>, column: vec4<i32>) -> f32 { return b1[column.x + k.x * params.b_row]; }
fn out_column(column: i32) -> i32 { return base.z + column; }
fn out_row() -> i32 { return params.out_row; }
fn epilogue_column(column: i32) -> i32 { return column; }`;

const PARAMS = [
  "inner",
  ...["a_row", "a_column", "a_outer", "a_inner"],
  ...["b_row", "b_column", "b_outer", "b_inner"],
  ...["out_row", "out_outer", "out_inner"],
];

function source(aFast: Fast, bFast: Fast): GemmSource {
  return {
    name: `matmul${aFast === "k" ? "" : " a^T"}${bFast === "k" ? " b^T" : ""}`,
    params: PARAMS,
    functions: FUNCTIONS,
    shareK: false,
    loops: { headers: ["for (var step = 0; step < params.k; step++)"], state: "k_state(step)" },
    aFast,
    bFast,
  };
}

/** By whether b, then whether a, is contiguous along k. */
export const MATMUL_SOURCES = [
  source("outer", "outer"),
  source("k", "outer"),
  source("outer", "k"),
  source("k", "k"),
] as const;

export function matmulSource(call: MatmulCall): GemmSource {
  return MATMUL_SOURCES[
    (call.aLayout.column === 1 ? 1 : 0) + (call.bLayout.row === 1 && call.bLayout.column !== 1 ? 2 : 0)
  ];
}

export function matmulShape(call: MatmulCall): GemmShape {
  return { m: call.m, n: call.n, k: call.k, batches: call.outerBatch * call.innerBatch };
}

/** The numbers for the source's own params. */
export function matmulParams(call: MatmulCall): number[] {
  const { aLayout: a, bLayout: b, outLayout: out } = call;
  return [
    call.innerBatch,
    ...[a.row, a.column, a.outer, a.inner],
    ...[b.row, b.column, b.outer, b.inner],
    ...[out.row, out.outer, out.inner],
  ];
}

/** k is cut only for a single product into a contiguous output without an epilogue: weight gradients, which need it. */
export function matmulSplits(call: MatmulCall, tiles: Tiles): number {
  const shape = matmulShape(call);
  const plain = shape.batches === 1 && call.outLayout.row === call.n && !call.epilogue;
  return plain && tiles === "shared" ? gemmSplits(shape) : 1;
}
