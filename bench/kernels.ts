/**
 * Generated kernels on the CPU device: throughput over warm memory as a share of what copying reaches over as much memory
 * in the same run, cost of a launch, of top-k. The naive twin of each is the same loop in plain TypeScript.
 *
 *     deno run -A bench/kernels.ts [--quick] [--threads n]
 */

import type { Buffer } from "../engine/device/buffer.ts";
import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { column, type Expr, input, kept, reduced } from "../engine/kernel/language/expr.ts";
import type { ColumnRecipe, RowRecipe } from "../engine/kernel/language/recipes.ts";
import { flagValue } from "./options.ts";
import { say, show } from "./report.ts";

/** Measures and tells. */
export async function run(): Promise<void> {
  const threads = Number(flagValue("--threads") ?? navigator.hardwareConcurrency);
  const quick = Deno.args.includes("--quick");
  const device = await createCpuDevice({ threads });
  say(device.description);

  /** The median and the best of repeated runs, in milliseconds. */
  function time(run: () => void, repeats = quick ? 9 : 25): { median: number; best: number } {
    for (let i = 0; i < (quick ? 10 : 30); i++) run(); // until the optimized code is in use on every thread
    const times = Array.from({ length: repeats }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    }).sort((a, b) => a - b);
    return { median: times[repeats >> 1], best: times[0] };
  }

  const rows: string[][] = [];

  /** `bytes`: read and written. */
  function report(name: string, run: () => void, bytes: number): void {
    const { median, best } = time(run);
    const rate = bytes / best / 1e6;
    const share = 100 * rate / copyRate(bytes);
    rows.push([name, median.toFixed(3), best.toFixed(3), rate.toFixed(1), `${share.toFixed(0)} %`]);
  }

  /** GB/s of copying, for as many bytes read and written. */
  function copyRate(bytes: number): number {
    const length = Math.min(N, Math.ceil(bytes / 8));
    const { best } = time(() => device.copy({ from: a, fromOffset: 0, to: b, toOffset: 0, length }));
    return 8 * length / best / 1e6;
  }

  function filled(length: number): Buffer {
    const buffer = device.allocate(length);
    device.upload(buffer, Float32Array.from({ length }, (_, i) => Math.sin(i)));
    return buffer;
  }

  function pointwise(name: string, inputs: number, value: Expr): RowRecipe {
    const outputs = [{ per: "element", value }] as const;
    return { kind: "row", name, rank: 1, inputs: Array(inputs).fill(1), scalars: 0, reductions: [], outputs };
  }

  const x = input(0);
  const N = 4 << 20;
  const [a, b, c] = [filled(N), filled(N), filled(N)];
  const flat: [string, RowRecipe][] = [
    ["add", pointwise("add", 2, x.add(input(1)))],
    ["relu", pointwise("relu", 1, x.max(0))],
    ["sigmoid", pointwise("sigmoid", 1, x.sigmoid())],
    ["gelu", pointwise("gelu", 1, x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5))],
    ["log", pointwise("log", 1, x.log())],
    ["sin of the column", pointwise("sin", 1, column().sin())],
  ];
  for (const length of [N, 64 << 10]) {
    for (const [name, recipe] of flat) {
      const inputs = [a, b].slice(0, recipe.inputs.length);
      const launch = { recipe, inputs, outputs: [c], outer: [1], columns: length, strides: inputs.map(() => [0]) };
      const bytes = 4 * length * (inputs.length + 1);
      report(`${name}, ${length} elements`, () => device.row(launch), bytes);
    }
  }
  {
    const [p, q] = [new Float32Array(N).fill(1), new Float32Array(N).fill(2)];
    const naive = () => {
      for (let i = 0; i < N; i++) q[i] = p[i] + q[i];
    };
    report(`naive twin of add, ${N} elements`, naive, 12 * N);
  }

  const SOFTMAX: RowRecipe = {
    ...pointwise("softmax", 1, kept().div(reduced("sum"))),
    reductions: [
      { name: "max", op: "max", value: x },
      { name: "sum", op: "sum", value: x.sub(reduced("max")).exp(), keep: 0 },
    ],
  };
  const LAYER_NORM: RowRecipe = {
    ...pointwise(
      "layer norm",
      1,
      x.sub(reduced("sum").div(256)).div(reduced("squares").div(256).add(1e-5).sqrt()),
    ),
    reductions: [
      { name: "sum", op: "sum", value: x },
      { name: "squares", op: "sum", value: x.sub(reduced("sum").div(256)).square() },
    ],
  };
  for (const [rows, columns] of [[10_000, 256], [8 * 900, 900 >> 1], [20_000, 16], [100_000, 4]]) {
    for (const recipe of [SOFTMAX, LAYER_NORM]) {
      const launch = { recipe, inputs: [a], outputs: [c], outer: [rows], columns, strides: [[columns]] };
      report(`${recipe.name}, ${rows} rows of ${columns}`, () => device.row(launch), 8 * rows * columns);
    }
  }
  {
    const [rows, columns] = [10_000, 256];
    const p = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i));
    const naive = () => {
      for (let row = 0; row < rows; row++) {
        let [most, sum] = [-Infinity, 0];
        for (let i = row * columns; i < (row + 1) * columns; i++) most = Math.max(most, p[i]);
        for (let i = row * columns; i < (row + 1) * columns; i++) sum += Math.exp(p[i] - most);
        for (let i = row * columns; i < (row + 1) * columns; i++) p[i] = Math.exp(p[i] - most) / sum;
      }
    };
    report(`naive twin of softmax, ${rows} rows of ${columns}`, naive, 8 * rows * columns);
  }

  const SUM: ColumnRecipe = { kind: "column", name: "sum", inputs: [1], scalars: 0, op: "sum", value: x };
  for (const [outer, reduced, inner] of [[1, 10_000, 256], [2, 256, 4096], [1, 200_000, 4], [256, 100, 91]]) {
    const strides = [[reduced * inner, inner]] as const;
    const launch = { recipe: SUM, inputs: [a], output: c, outer, reduced, inner, strides };
    report(`column sum of [${outer}, ${reduced}, ${inner}]`, () => device.column(launch), 4 * outer * reduced * inner);
  }

  const tiny = { inputs: [a, b], outputs: [c], outer: [1], columns: 64, strides: [[0], [0]] };
  const launches = 2000;
  const { median } = time(() => {
    for (let i = 0; i < launches; i++) device.row({ recipe: flat[0][1], ...tiny });
  });
  say(`a launch of 64 elements: ${(median * 1e3 / launches).toFixed(2)} us`);

  show(["", "ms", "best", "GB/s", "of copying"], rows);
  const topK = { rows: 1, length: 25_000, k: 900, input: a, values: b, indices: c };
  say(`topK, 900 of 25000: ${time(() => device.topK(topK)).median.toFixed(2)} ms`);
  await device.destroy();
}

if (import.meta.main) await run();
