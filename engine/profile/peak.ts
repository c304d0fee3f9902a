/**
 * The fastest that this machine can multiply and add: a WASM loop that stays in registers, run on as many threads as a
 * benchmark uses and in the same process, so that a benchmark can say what share of it a kernel reaches.
 */

import { assemble, WasmFunction } from "../kernel/wasm/assembler.ts";
import { type WasmModule, WasmRuntime } from "../device/wasm/runtime/runtime.ts";

/** Independent sums, enough to hide the latency of the instruction. */
const SUMS = 12;
const UNROLL = 4;
const ROUNDS = 100_000;
const FLOPS_PER_ROUND = UNROLL * SUMS * 4 * 2;

function peakModule(runtime: WasmRuntime): WasmModule {
  const f = new WasmFunction("peak", { params: ["i32", "i32"] });
  const [scratch, rounds] = f.params;
  const sums = f.locals("v128", SUMS);
  const [x, y] = f.locals("v128", 2);
  f.f32x4(0.9999999).set(x).f32x4(1e-9).set(y);
  f.loop((again) => {
    for (let i = 0; i < UNROLL; i++) {
      for (const sum of sums) {
        if (runtime.fusedMultiplyAdd) f.get(x).get(sum).get(y).op("f32x4.relaxed_madd").set(sum);
        else f.get(x).get(sum).op("f32x4.mul").get(y).op("f32x4.add").set(sum);
      }
    }
    f.increase(rounds, -1).get(rounds).branchIf(again);
  });
  f.get(scratch).get(sums[0]);
  sums.slice(1).forEach((sum) => f.get(sum).op("f32x4.add"));
  f.memory("v128.store");
  return runtime.define("peak", assemble([f], { sharedMemory: runtime.sharedMemory }));
}

/** A function that measures the peak now, in GFLOP/s over all threads of the runtime. */
export function peakMeter(runtime: WasmRuntime): () => number {
  const module = peakModule(runtime);
  runtime.reserveScratch(64);
  const tasks = new Int32Array(4 * runtime.threads).fill(ROUNDS / 4);
  const run = () => runtime.parallel(module, "peak", tasks, 1);
  fastest(run, 100);
  return () => (tasks.length * (ROUNDS / 4) * FLOPS_PER_ROUND) / fastest(run, 40) / 1e6;
}

/** The shortest time of a call in milliseconds, of as many as fit the budget (milliseconds), at least three. */
export function fastest(run: () => void, budget: number): number {
  let best = Infinity;
  const until = performance.now() + budget;
  for (let i = 0; i < 3 || performance.now() < until; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/**
 * The peak over a number of threads (default: one per core), in GFLOP/s, without a runtime at hand: the best of some
 * measurements of 40 ms.
 */
export async function measurePeak(threads?: number): Promise<number> {
  const runtime = await WasmRuntime.create({ threads });
  const peak = peakMeter(runtime);
  const best = Math.max(peak(), peak(), peak());
  await runtime.destroy();
  return best;
}
