/** Matrix products on the CPU against float64 loops, with canaries around every buffer. */

import { assertEquals } from "@std/assert";
import type { EpilogueDefinition, MatmulCall, MatrixLayout } from "../../../../engine/device/device.ts";
import { TILE_COLUMNS, tileRows } from "../../../../engine/device/wasm/product/kernel.ts";
import { WasmGemm } from "../../../../engine/device/wasm/product/product.ts";
import { WasmRuntime } from "../../../../engine/device/wasm/runtime/runtime.ts";
import { input } from "../../../../engine/kernel/language/expr.ts";
import { assertNear, type Guarded, GuardedMemory } from "../../../helpers/guarded_memory.ts";

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly outerBatch?: number;
  readonly innerBatch?: number;
  /** Which operands are stored transposed, and which are shared by the batch. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly shareA?: boolean;
  readonly shareB?: boolean;
  /** Unused elements behind each row of the output. */
  readonly gap?: number;
  readonly epilogue?: EpilogueDefinition;
}

/** [outer, rows, inner, columns]: the inner batch lies between rows and columns, as heads do in attention. */
function headsLayout(rows: number, columns: number, innerBatch: number, gap = 0): MatrixLayout {
  const row = innerBatch * columns + gap;
  return { outer: rows * row, row, inner: columns, column: 1 };
}

function layoutOf(
  { rows, columns, transposed, shared, innerBatch }: {
    rows: number;
    columns: number;
    transposed?: boolean;
    shared?: boolean;
    innerBatch: number;
  },
): MatrixLayout {
  const plain = transposed ? headsLayout(columns, rows, innerBatch) : headsLayout(rows, columns, innerBatch);
  const turned = transposed ? { ...plain, row: plain.column, column: plain.row } : plain;
  return shared ? { ...turned, outer: 0, inner: 0 } : turned;
}

function at(layout: MatrixLayout, [o, i, r, c]: readonly [number, number, number, number]): number {
  return o * layout.outer + i * layout.inner + r * layout.row + c * layout.column;
}

const bias: EpilogueDefinition = { name: "row bias", value: input(0).add(input(1)), operands: ["row"] };
const scaleShiftRelu: EpilogueDefinition = {
  name: "column scale, shift, residual, relu",
  value: input(0).mul(input(1)).add(input(2)).add(input(3)).max(0),
  operands: ["column", "column", "element"],
};

const sigmoidOfBias: EpilogueDefinition = {
  name: "sigmoid of column bias",
  value: input(0).mul(0.125).add(input(1)).sigmoid(),
  operands: ["column"],
};

/** Runs a case on a runtime, checks it against float64 loops and returns the output. */
function run(runtime: WasmRuntime, gemm: WasmGemm, test: Case): Float32Array {
  const { m, n, k, outerBatch = 1, innerBatch = 1, epilogue } = test;
  const memory = new GuardedMemory(runtime);
  const aLayout = layoutOf({ rows: m, columns: k, transposed: test.transposeA, shared: test.shareA, innerBatch });
  const bLayout = layoutOf({ rows: k, columns: n, transposed: test.transposeB, shared: test.shareB, innerBatch });
  const outLayout = headsLayout(m, n, innerBatch, test.gap);
  const a = memory.random(outerBatch * m * k * innerBatch, 1);
  const b = memory.random(outerBatch * k * n * innerBatch, 2);
  const outLength = outerBatch * m * outLayout.row;
  const out = memory.filled(outLength, 77);
  const operands: Guarded[] = (epilogue?.operands ?? []).map((per, i) =>
    memory.random(per === "row" ? m : per === "column" ? n : outLength, 3 + i)
  );
  const call: MatmulCall = {
    ...{ m, n, k, outerBatch, innerBatch, a, aLayout, b, bLayout, out, outLayout },
    epilogue: epilogue && { definition: epilogue, operands },
  };
  gemm.matmul(call, memory.addressOf);
  memory.assertGuards(`matmul ${JSON.stringify(test)}`);

  const expected = new Float64Array(outLength).fill(77);
  for (let o = 0; o < outerBatch; o++) {
    for (let i = 0; i < innerBatch; i++) {
      for (let r = 0; r < m; r++) {
        for (let c = 0; c < n; c++) {
          let sum = 0;
          for (let d = 0; d < k; d++) sum += a.values[at(aLayout, [o, i, r, d])] * b.values[at(bLayout, [o, i, d, c])];
          const place = at(outLayout, [o, i, r, c]);
          if (epilogue === bias) sum += operands[0].values[r];
          if (epilogue === scaleShiftRelu) {
            sum = Math.max(0, sum * operands[0].values[c] + operands[1].values[c] + operands[2].values[place]);
          }
          if (epilogue === sigmoidOfBias) sum = 1 / (1 + Math.exp(-(sum * 0.125 + operands[0].values[c])));
          expected[place] = sum;
        }
      }
    }
  }
  const result = memory.read(out);
  assertNear(result, expected, { scale: Math.sqrt(k + 1), label: JSON.stringify(test) });
  memory.free();
  return result;
}

const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [5, 7, 3],
  [6, 8, 4],
  [7, 9, 5],
  [13, 17, 33],
  [48, 64, 96],
  [97, 31, 401],
  [3, 250, 40],
  [250, 3, 41],
  [100, 101, 770],
];
const shapes: Case[] = [
  ...sizes.map(([m, n, k]) => ({ m, n, k })),
  ...sizes.map(([m, n, k]) => ({ m, n, k, transposeA: true })),
  ...sizes.map(([m, n, k]) => ({ m, n, k, transposeB: true })),
  ...sizes.map(([m, n, k]) => ({ m, n, k, transposeA: true, transposeB: true, gap: 3 })),
];
const batches: Case[] = [
  { m: 9, n: 11, k: 6, outerBatch: 2, innerBatch: 3 },
  { m: 9, n: 11, k: 6, outerBatch: 2, innerBatch: 3, transposeB: true, gap: 2 },
  { m: 30, n: 31, k: 32, outerBatch: 3, innerBatch: 2, transposeA: true },
  { m: 30, n: 5, k: 12, outerBatch: 4, shareA: true },
  { m: 30, n: 5, k: 12, innerBatch: 4, shareB: true },
  { m: 2, n: 70, k: 12, innerBatch: 4, outerBatch: 2, shareA: true, shareB: true },
];
const epilogues: Case[] = [
  { m: 13, n: 19, k: 10, epilogue: bias },
  { m: 200, n: 19, k: 500, epilogue: bias },
  { m: 20, n: 190, k: 500, epilogue: bias, outerBatch: 2 },
  { m: 200, n: 19, k: 500, epilogue: scaleShiftRelu, outerBatch: 2, innerBatch: 2 },
  { m: 19, n: 203, k: 500, epilogue: scaleShiftRelu, gap: 5 },
  { m: 6, n: 8, k: 8, epilogue: scaleShiftRelu },
  { m: 33, n: 43, k: 20, epilogue: sigmoidOfBias },
];
const empty: Case[] = [
  { m: 5, n: 9, k: 0 },
  { m: 13, n: 9, k: 0, epilogue: scaleShiftRelu },
  { m: 0, n: 9, k: 3 },
  { m: 5, n: 0, k: 3 },
  { m: 5, n: 4, k: 3, outerBatch: 0 },
];

for (const fusedMultiplyAdd of [true, false]) {
  const kind = fusedMultiplyAdd ? "fused multiply-add" : "multiply and add";

  Deno.test(`matmul agrees with float64 at odd sizes and layouts, with equal bits on 1 and 2 threads (${kind})`, async () => {
    const one = await WasmRuntime.create({ threads: 1, fusedMultiplyAdd });
    const two = await WasmRuntime.create({ threads: 2, fusedMultiplyAdd });
    const [gemmOne, gemmTwo] = [new WasmGemm(one), new WasmGemm(two)];
    for (const test of [...shapes, ...batches, ...epilogues, ...empty]) {
      const expected = run(one, gemmOne, test);
      const found = run(two, gemmTwo, test);
      assertEquals(new Uint32Array(found.buffer), new Uint32Array(expected.buffer), JSON.stringify(test));
    }
    await one.destroy();
    await two.destroy();
  });
}

Deno.test("matmul packs in groups when an operand is too deep, or a batch too large, to be packed at once", async () => {
  const runtime = await WasmRuntime.create({ threads: 2 });
  const gemm = new WasmGemm(runtime);
  run(runtime, gemm, { m: 3, n: 5, k: 150_000 });
  run(runtime, gemm, { m: 13, n: 7, k: 140_000, epilogue: scaleShiftRelu });
  run(runtime, gemm, { m: 9, n: 7, k: 4000, outerBatch: 5, innerBatch: 8, transposeB: true });
  await runtime.destroy();
});

Deno.test("matmul leaves nothing allocated but its scratch and its kernels", async () => {
  const runtime = await WasmRuntime.create({ threads: 1 });
  const gemm = new WasmGemm(runtime);
  const test: Case = { m: 100, n: 100, k: 100 };
  run(runtime, gemm, test);
  const before = runtime.arena.used;
  run(runtime, gemm, test);
  assertEquals(runtime.arena.used, before);
  await runtime.destroy();
});

Deno.test("a tile without loops gives the bits of one chain of sums, as a tile at an edge does", async () => {
  for (const fusedMultiplyAdd of [true, false]) {
    const runtime = await WasmRuntime.create({ threads: 1, fusedMultiplyAdd });
    const gemm = new WasmGemm(runtime);
    // Equal columns: the first ones are whole tiles, the last three go through the loop at the edge.
    const [m, whole, n] = [tileRows(fusedMultiplyAdd) * 2, 2 * TILE_COLUMNS, 2 * TILE_COLUMNS + 3];
    for (const k of [31, 32, 64, 65, 96, 100, 500, 520, 1100]) {
      const memory = new GuardedMemory(runtime);
      const a = memory.random(m * k, 1);
      const b = memory.random(k, 2);
      const out = memory.filled(m * n, 77);
      gemm.matmul({
        ...{ m, n, k, outerBatch: 1, innerBatch: 1 },
        ...{ a, aLayout: headsLayout(m, k, 1), b, bLayout: { outer: 0, inner: 0, row: 1, column: 0 } },
        ...{ out, outLayout: headsLayout(m, n, 1) },
      }, memory.addressOf);
      const bits = new Uint32Array(memory.read(out).buffer);
      for (let row = 0; row < m; row++) {
        const [first, ...others] = bits.subarray(row * n, (row + 1) * n);
        assertEquals(others, new Array(n - 1).fill(first), `k ${k}, row ${row}; the first ${whole} are whole tiles`);
      }
    }
    await runtime.destroy();
  }
});
