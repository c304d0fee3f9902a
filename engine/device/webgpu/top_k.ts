/**
 * The k largest of every row on the GPU, without shared memory: a merge sort that keeps only what can still matter.
 *
 * Values become unsigned keys in the same order (NaN above all, -0 equal to 0). First every element of a run of 64
 * counts who comes before it, which is its place in the sorted run. Then neighbouring runs are merged: an element's place
 * is its place in its own run plus, by binary search, the number of the other run's elements that come before it;
 * what lands behind the k-th place is dropped. Of equal keys the left run's come first, so equal values stay ordered
 * by index, and there is one answer, whatever the number of threads.
 */

import type { WgslProgram } from "../../kernel/wgsl/machine.ts";

/** The width of the runs that are sorted by counting: 2^6. */
export const FIRST_RUN_BITS = 6;
export const TOP_K_THREADS = 64;

const HEAD = `struct Params { rows: i32, length: i32, k: i32, bits: i32 }
@group(0) @binding(0) var<uniform> params: Params;`;

const MAIN = `@compute @workgroup_size(${TOP_K_THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) thread: vec3<u32>) {
  let item = i32((group.y * groups.x + group.x) * ${TOP_K_THREADS}u + thread.x);`;

/** Binds input, runs (pairs of key and index, [rows, length]). Params: rows, length, k, bits; so for all three. */
export const sortRunsProgram: WgslProgram = {
  name: "top k: sort runs",
  access: ["read", "read_write"],
  params: 4,
  text: `// top k: every element counts who comes before it in its run of ${1 << FIRST_RUN_BITS}
${HEAD}
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> runs: array<vec2<u32>>;
fn key(i: i32) -> u32 {
  let bits = bitcast<u32>(input[i]);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  if (size == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}
${MAIN}
  if (item >= params.rows * params.length) { return; }
  let start = item / params.length * params.length;
  let own_index = item - start;
  let begin = (own_index >> ${FIRST_RUN_BITS}u) << ${FIRST_RUN_BITS}u;
  let end = min(begin + ${1 << FIRST_RUN_BITS}, params.length);
  let own = key(item);
  var before = 0;
  for (var i = begin; i < own_index; i++) { before += select(0, 1, key(start + i) >= own); }
  for (var i = own_index + 1; i < end; i++) { before += select(0, 1, key(start + i) > own); }
  runs[start + begin + before] = vec2<u32>(own, u32(own_index));
}`,
};

/** Binds runs of width 2^bits and the runs twice as wide that they are merged into. */
export const mergeRunsProgram: WgslProgram = {
  name: "top k: merge runs",
  access: ["read", "read_write"],
  params: 4,
  text: `// top k: merges neighbouring runs of 2^bits, keeping the first k of each
${HEAD}
@group(0) @binding(1) var<storage, read> runs: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> merged: array<vec2<u32>>;
${MAIN}
  if (item >= params.rows * params.length) { return; }
  let start = item / params.length * params.length;
  let bits = u32(params.bits);
  let width = 1 << bits;
  let run = (item - start) >> bits;
  let place = item - start - (run << bits);
  let kept = min(params.k, width);
  if (place >= kept) { return; }
  let own = runs[item];
  let is_left = (run & 1) == 0;
  let other = start + ((run ^ 1) << bits);
  // How many of the other run come before this element.
  var low = 0;
  var high = clamp(start + params.length - other, 0, kept);
  while (low < high) {
    let middle = (low + high) >> 1u;
    let theirs = runs[other + middle].x;
    if (theirs > own.x || (theirs == own.x && !is_left)) { low = middle + 1; } else { high = middle; }
  }
  let rank = place + low;
  if (rank < params.k) { merged[start + ((run >> 1u) << (bits + 1u)) + rank] = own; }
}`,
};

/** Binds the input, the one sorted run of every row, values and indices [rows, k]. */
export const takeProgram: WgslProgram = {
  name: "top k: take",
  access: ["read", "read", "read_write", "read_write"],
  params: 4,
  text: `// top k: values and indices of the first k of each sorted row
${HEAD}
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> sorted: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> indices: array<i32>;
${MAIN}
  if (item >= params.rows * params.k) { return; }
  let row = item / params.k;
  let index = i32(sorted[row * params.length + item % params.k].y);
  values[item] = input[row * params.length + index];
  indices[item] = index;
}`,
};
