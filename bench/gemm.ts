/**
 * Matrix products at the shapes of the detector, as GFLOP/s and as a share of the machine's own peak, measured right
 * before and after each shape. `deno run -A bench/gemm.ts [--quick]`
 */

import type { Buffer } from "../engine/device/buffer.ts";
import type { MatmulCall, MatrixLayout } from "../engine/device/device.ts";
import { WasmGemm } from "../engine/device/wasm/product/product.ts";
import { WasmRuntime } from "../engine/device/wasm/runtime/runtime.ts";
import { fastest, peakMeter } from "../engine/profile/peak.ts";
import { say, show } from "./report.ts";

interface Shape {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch?: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

export const SHAPES: readonly Shape[] = [
  { name: "square", m: 1024, n: 1024, k: 1024 },
  { name: "square, both transposed", m: 1024, n: 1024, k: 1024, transposeA: true, transposeB: true },
  { name: "tokens of cards", m: 4200, n: 128, k: 128, transposeB: true },
  { name: "feed-forward of cards", m: 4200, n: 256, k: 128, transposeB: true },
  { name: "tokens of R50", m: 10000, n: 256, k: 256, transposeB: true },
  { name: "feed-forward of R50", m: 20000, n: 2048, k: 256, transposeB: true },
  { name: "feed-forward, weight gradient", m: 2048, n: 256, k: 20000, transposeA: true },
  { name: "attention scores", m: 900, n: 900, k: 32, batch: 16, transposeB: true },
  { name: "attention values", m: 900, n: 32, k: 900, batch: 16 },
  { name: "attention values, gradient", m: 900, n: 32, k: 900, batch: 16, transposeA: true },
  { name: "queries of cards", m: 880, n: 128, k: 128, transposeB: true },
  { name: "four rows", m: 4, n: 256, k: 256, transposeB: true },
  { name: "one row", m: 1, n: 1024, k: 1024, transposeB: true },
  { name: "class logits", m: 900, n: 91, k: 256, transposeB: true },
  { name: "boxes", m: 900, n: 4, k: 256, transposeB: true },
];

interface Block extends Buffer {
  readonly address: number;
}

function layout(rows: number, columns: number, transposed?: boolean): MatrixLayout {
  return { outer: rows * columns, inner: 0, row: transposed ? 1 : columns, column: transposed ? rows : 1 };
}

export function block(runtime: WasmRuntime, length: number): Block {
  const address = runtime.allocate(length * 4);
  const values = runtime.floats.subarray(address / 4, address / 4 + length);
  for (let i = 0; i < length; i++) values[i] = ((i * 7919) % 1000) / 1000 - 0.5;
  return { length, address };
}
export const addressOf = (buffer: Buffer): number => (buffer as Block).address; // only these are used here

/** The naive twin: three loops over row-major matrices. Returns GFLOP/s at size x size x size. */
function naiveRate(size: number): number {
  const [a, b, out] = [1, 2, 3].map(() => new Float32Array(size * size).fill(0.5));
  const time = fastest(() => {
    for (let r = 0; r < size; r++) {
      for (let c = 0; c < size; c++) {
        let sum = 0;
        for (let d = 0; d < size; d++) sum += a[r * size + d] * b[d * size + c];
        out[r * size + c] = sum;
      }
    }
  }, 100);
  return 2 * size ** 3 / time / 1e6;
}

/** Measures and tells. */
export async function run(): Promise<void> {
  say(`naive loops in TypeScript, 256x256x256: ${naiveRate(256).toFixed(1)} GFLOP/s`);
  const budget = Deno.args.includes("--quick") ? 100 : 400;
  for (const threads of [1, 2]) {
    const runtime = await WasmRuntime.create({ threads });
    const gemm = new WasmGemm(runtime);
    const peak = peakMeter(runtime);
    say(`${threads} thread(s), fused: ${runtime.fusedMultiplyAdd}, peak ${peak().toFixed(0)} GFLOP/s`);
    const rows: string[][] = [];
    for (const { name, m, n, k, batch = 1, transposeA, transposeB } of SHAPES) {
      const buffers = [block(runtime, batch * m * k), block(runtime, batch * k * n), block(runtime, batch * m * n)];
      const call: MatmulCall = {
        ...{ m, n, k, outerBatch: batch, innerBatch: 1 },
        ...{ a: buffers[0], aLayout: layout(m, k, transposeA), b: buffers[1], bLayout: layout(k, n, transposeB) },
        ...{ out: buffers[2], outLayout: layout(m, n) },
      };
      const before = peak();
      const time = fastest(() => gemm.matmul(call, addressOf), budget);
      const best = Math.max(before, peak());
      const rate = 2 * batch * m * n * k / time / 1e6;
      const size = `${batch > 1 ? `${batch} x ` : ""}${m}x${n}x${k}`;
      rows.push([name, size, time.toFixed(3), rate.toFixed(1), `${(100 * rate / best).toFixed(0)} %`]);
      buffers.forEach(({ address }) => runtime.free(address));
    }
    show(["product", "size", "ms", "GFLOP/s", "of peak"], rows);
    await runtime.destroy();
  }
}

if (import.meta.main) await run();
