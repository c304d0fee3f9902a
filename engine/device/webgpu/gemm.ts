/**
 * The shape that matrix products and convolutions share: out[row, column] = sum over k of a(row, k) * b(k, column),
 * where a "source" says by a few WGSL functions how a and b are read and where out is written. A convolution is the
 * product whose b is the image seen through the window of the kernel (implicit GEMM), never written to memory.
 *
 * Two programs for every source:
 *
 * - "shared": for GPUs. A workgroup of 16 x 16 threads computes 64 x 64 outputs, 4 x 4 a thread, from tiles of a and b
 *   in shared memory, 16 steps of k at a time. k may be cut at fixed places into parts that are summed by a second
 *   pass, where the outputs alone would not fill a GPU.
 * - "registers": for software rasterizers, where shared memory and barriers cost more than they save. A workgroup of
 *   8 threads, one vector of the CPU, computes 8 x 32 outputs, 8 x 4 a thread, straight from memory.
 */

import { EPILOGUE_FUNCTION, type EpilogueText } from "./epilogue.ts";
import type { BufferAccess, WgslProgram } from "../../kernel/wgsl/machine.ts";

/**
 * Which of the two programs products run with, see above.
 *
 * @category Devices
 */
export type Tiles = "shared" | "registers";

/** Which index neighbours in memory, and should therefore go with neighbouring threads when a tile is filled. */
export type Fast = "k" | "outer";

/**
 * WGSL functions of a source. `params` has the names in `params` besides those of every product (m, n, k, …).
 * Buffers are b0 = a, b1 = b, b2 = out.
 */
export interface GemmSource {
  readonly name: string;
  readonly params: readonly string[];
  /**
   * `fn start_batch(batch: i32)`, `fn row_state(row: i32) -> i32`, `fn column_state(column: i32) -> vec4<i32>`,
   * `fn k_state(k: i32) -> vec4<i32>`, `fn load_a(k: vec4<i32>, row: i32) -> f32`,
   * `fn load_b(k: vec4<i32>, column: vec4<i32>) -> f32`; the states are what the loads need to know of an index.
   * And for the output, which is at out_column(column) + row * out_row(): `fn out_column(column: i32) -> i32`,
   * `fn out_row() -> i32`, `fn epilogue_column(column: i32) -> i32`.
   */
  readonly functions: string;
  /** Whether `k_state` divides, so that it is worth working out once for all threads. */
  readonly shareK: boolean;
  /** The loops over k as nested headers, and the `k_state` inside them: no divisions. */
  readonly loops: { readonly headers: readonly string[]; readonly state: string };
  readonly aFast: Fast;
  readonly bFast: Fast;
}

export interface GemmShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches: number;
}

const GEMM_PARAMS = ["tiles", "tiles_m", "tiles_n", "m", "n", "k", "splits", "k_part"] as const;

/** How a product is cut: the numbers for `GEMM_PARAMS`. */
export function gemmParams(shape: GemmShape, tiles: Tiles, splits: number): number[] {
  const { m, n, k, batches } = shape;
  const tilesM = Math.ceil(m / (tiles === "shared" ? 64 : 8));
  const tilesN = Math.ceil(n / (tiles === "shared" ? 64 : 32));
  // `splits` and `k_part` go by the same rule as `gemmSplits`, so the parts cover k.
  return [tilesM * tilesN * splits * batches, tilesM, tilesN, m, n, k, splits, Math.max(1, Math.ceil(k / splits))];
}

/** In how many parts k is cut, from the shape alone: enough for about 128 workgroups, each with at least 256 steps. */
export function gemmSplits(shape: GemmShape): number {
  const workgroups = Math.ceil(shape.m / 64) * Math.ceil(shape.n / 64) * shape.batches;
  return Math.max(1, Math.min(Math.floor(128 / workgroups), Math.floor(shape.k / 256)));
}

/** `parts`: out is [splits, m, n] and no epilogue is applied. */
export function gemmProgram(
  source: GemmSource,
  options: { readonly tiles: Tiles; readonly parts: boolean; readonly epilogue?: EpilogueText },
): WgslProgram {
  const { tiles, parts, epilogue } = options;
  const names = [...GEMM_PARAMS, ...source.params];
  const access: BufferAccess[] = [
    "read",
    "read",
    "read_write",
    ...(epilogue?.operands ?? []).map(() => "read" as const),
  ];
  const name = [source.name, parts ? "in parts" : "", epilogue ? `with ${epilogue.name}` : ""].filter(Boolean).join(
    " ",
  );
  const value = epilogue ? `${EPILOGUE_FUNCTION}(value, row, column.z, at)` : "value";
  const text = `// ${name}: a product tiled in ${tiles === "shared" ? "shared memory" : "registers"}
struct Params { ${names.map((param) => `${param}: i32`).join(", ")} }
@group(0) @binding(0) var<uniform> params: Params;
${access.map((mode, i) => `@group(0) @binding(${i + 1}) var<storage, ${mode}> b${i}: array<f32>;`).join("\n")}
${source.functions}
${epilogue?.text ?? ""}
// What is the same for all outputs of a column: its number, where it starts, and its number for the epilogue.
fn target_column(column: i32, split: i32) -> vec3<i32> {
  let start = ${parts ? "split * params.m * params.n + column" : "out_column(column)"};
  return vec3<i32>(column, start, epilogue_column(column));
}
fn put(row: i32, column: vec3<i32>, value: f32) {
  if (column.x < params.n) {
    let at = column.y + row * ${parts ? "params.n" : "out_row()"};
    b2[at] = ${value};
  }
}
${tiles === "shared" ? sharedMain(source) : registersMain(source)}`;
  return { name, text, access, params: names.length };
}

/** Which tile this workgroup computes: columns first, then rows, parts of k, batches. */
const DECODE = `  let tile = i32(group.y * groups.x + group.x);
  if (tile >= params.tiles) { return; }
  let tile_n = tile % params.tiles_n;
  let above = tile / params.tiles_n;
  let tile_m = above % params.tiles_m;
  let part = above / params.tiles_m;
  let split = part % params.splits;
  start_batch(part / params.splits);`;

const MAIN = `fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) index: u32) {`;

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const lines = (count: number, line: (i: number) => string) => range(count).map((i) => `  ${line(i)}`).join("\n");

/** Stores rows of sums, four columns each, in a loop: written out they would be most of the program. */
function stores(rows: number): string {
  return range(rows).map((i) =>
    `  if (row + ${i} < params.m) {\n${lines(4, (j) => `put(row + ${i}, target${j}, sum${i}.${"xyzw"[j]});`)}\n }`
  ).join("\n");
}

function sharedMain(source: GemmSource): string {
  // Thread t fills elements (k, outer): along the fast index first, four of them a thread.
  const place = (fast: Fast, i: number) =>
    fast === "k"
      ? { k: "(t & 15)", outer: `((t >> 4u) + ${16 * i})` }
      : { k: `((t >> 6u) + ${4 * i})`, outer: "(t & 63)" };
  // With the outer index fast all four elements are of one row (or column), whose state is then worked out once.
  const states = (fast: Fast) => fast === "k" ? 4 : 1;
  const stateOfK = (k: string) => source.shareK ? `table[slot + ${k}]` : `k_state(min(k0 + ${k}, k_end - 1))`;
  const fill = (tile: "a" | "b", i: number) => {
    const fast = tile === "a" ? source.aFast : source.bFast;
    const { k, outer } = place(fast, i);
    const state = `${tile === "a" ? "row" : "column"}${i % states(fast)}_state`;
    return `  tile_${tile}[${k} * 17 + (${outer} >> 2u)][${outer} & 3] = select(0.0, ` +
      `load_${tile}(${stateOfK(k)}, ${state}), k0 + ${k} < k_end);`;
  };
  const row = (i: number) => `row_state(min(row0 + ${place(source.aFast, i).outer}, params.m - 1))`;
  const column = (i: number) => `column_state(min(column0 + ${place(source.bFast, i).outer}, params.n - 1))`;
  const fillTable = (slot: string, k: string) =>
    source.shareK ? `if (t < 16) { table[${slot} + t] = k_state(min(${k} + t, k_end - 1)); }` : "";
  return `// Tiles [k, outer] of vectors of 4 along outer; 17 instead of 16 to a step of k spreads a column over the banks.
var<workgroup> tile_a: array<vec4<f32>, 272>;
var<workgroup> tile_b: array<vec4<f32>, 272>;
${
    source.shareK
      ? "// The states of 16 steps of k, and of the next 16.\nvar<workgroup> table: array<vec4<i32>, 32>;"
      : ""
  }
@compute @workgroup_size(256)
${MAIN}
${DECODE}
  let t = i32(index);
  let row0 = tile_m * 64;
  let column0 = tile_n * 64;
  let k_begin = split * params.k_part;
  let k_end = min(k_begin + params.k_part, params.k);
${lines(states(source.aFast), (i) => `let row${i}_state = ${row(i)};`)}
${lines(states(source.bFast), (i) => `let column${i}_state = ${column(i)};`)}
${lines(4, (i) => `var sum${i} = vec4<f32>(0.0);`)}
  ${fillTable("0", "k_begin")}
  ${source.shareK ? "workgroupBarrier();" : ""}
  for (var k0 = k_begin; k0 < k_end; k0 += 16) {
    let slot = (k0 - k_begin) & 16;
${lines(4, (i) => fill("a", i))}
${lines(4, (i) => fill("b", i))}
    ${fillTable("(slot ^ 16)", "k0 + 16")}
    workgroupBarrier();
    // Past k_end the tiles hold zeros, so whole fours may be added.
    let steps = min(16, k_end - k0);
    for (var k = 0; k < steps; k += 4) {
${
    lines(4, (step) =>
      `  let a${step} = tile_a[(k + ${step}) * 17 + (t >> 4u)]; let b${step} = tile_b[(k + ${step}) * 17 + (t & 15)];
${
        lines(4, (i) => `    sum${i} += a${step}.${"xyzw"[i]} * b${step};`)
      }`)
  }
    }
    workgroupBarrier();
  }
  let row = row0 + (t >> 4u) * 4;
${lines(4, (j) => `let target${j} = target_column(column0 + (t & 15) * 4 + ${j}, split);`)}
${stores(4)}
}`;
}

function registersMain(source: GemmSource): string {
  const { headers, state } = source.loops;
  return `@compute @workgroup_size(8)
${MAIN}
${DECODE}
  let row = tile_m * 8;
  let column = tile_n * 32 + i32(index);
${lines(8, (i) => `let row${i}_state = row_state(min(row + ${i}, params.m - 1));`)}
${lines(4, (j) => `let column${j}_state = column_state(min(column + ${8 * j}, params.n - 1));`)}
${lines(8, (i) => `var sum${i} = vec4<f32>(0.0);`)}
${headers.map((header) => `  ${header} {`).join("\n")}
    let k = ${state};
    let b = vec4<f32>(${range(4).map((j) => `load_b(k, column${j}_state)`).join(", ")});
${lines(8, (i) => `  sum${i} += load_a(k, row${i}_state) * b;`)}
  ${headers.map(() => "}").join(" ")}
${lines(4, (j) => `let target${j} = target_column(column + ${8 * j}, split);`)}
${stores(8)}
}`;
}
