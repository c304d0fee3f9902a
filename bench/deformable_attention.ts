/**
 * Deformable attention and its gradients at the sizes of the detector: time, nanoseconds per sampling point, and GFLOP/s
 * (a multiply-add per corner and channel) as a share of the machine's own peak, beside the naive twin, which does the
 * forward pass with plain loops. `deno run -A bench/deformable_attention.ts [--quick] [--threads n]`
 */

import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { fastest, measurePeak } from "../engine/profile/peak.ts";
import { deformableAttention } from "../engine/ops/deformable_attention.ts";
import { RandomStream } from "../engine/random.ts";
import { scope } from "../engine/scope.ts";
import { tensor } from "../engine/tensor.ts";
import { flagValue } from "./options.ts";
import { say, show } from "./report.ts";

interface Case {
  readonly name: string;
  readonly batch: number;
  readonly levels: readonly (readonly [height: number, width: number])[];
  /** Absent: every token is a query. */
  readonly queries?: number;
  readonly channels: number;
}

const R50_LEVELS = [[60, 80], [30, 40], [15, 20], [8, 10]] as const;
const CARDS_LEVELS = [[20, 20], [10, 10], [5, 5]] as const;
const CASES: readonly Case[] = [
  { name: "encoder of cards", batch: 8, levels: CARDS_LEVELS, channels: 16 },
  { name: "decoder of cards", batch: 8, levels: CARDS_LEVELS, queries: 160, channels: 16 },
  { name: "encoder of R50, 640x480", batch: 1, levels: R50_LEVELS, channels: 32 },
  { name: "decoder of R50", batch: 1, levels: R50_LEVELS, queries: 900, channels: 32 },
];
const HEADS = 8;
const POINTS = 4;
/** How far points lie from their query's centre at most, in pixels of a level. */
const REACH = 4;

interface Inputs {
  readonly value: Float32Array;
  readonly locations: Float32Array;
  readonly weights: Float32Array;
  readonly tokens: number;
  readonly queries: number;
}

/** Points around centres that run over the image row by row, as the encoder's do. */
function inputsOf({ batch, levels, channels, ...test }: Case): Inputs {
  const random = RandomStream.named(1, test.name);
  const tokens = levels.reduce((sum, [height, width]) => sum + height * width, 0);
  const queries = test.queries ?? tokens;
  const side = Math.ceil(Math.sqrt(queries));
  const locations = random.uniforms(new Float32Array(batch * queries * HEADS * levels.length * POINTS * 2));
  for (let at = 0, flat = 0; flat < batch * queries; flat++) {
    const query = flat % queries;
    const centre = [(query % side + 0.5) / side, (Math.floor(query / side) + 0.5) / side];
    for (let head = 0; head < HEADS; head++) {
      for (const [height, width] of levels) {
        for (let point = 0; point < POINTS; point++) {
          for (const [axis, size] of [width, height].entries()) {
            locations[at] = centre[axis] + (2 * locations[at] - 1) * REACH / size;
            at++;
          }
        }
      }
    }
  }
  const value = random.uniforms(new Float32Array(batch * tokens * HEADS * channels));
  const weights = random.uniforms(new Float32Array(locations.length / 2));
  return { value, locations, weights, tokens, queries };
}

/** The naive twin of the forward pass. */
function naive(
  { batch, levels, channels }: Case,
  { value, locations, weights, tokens, queries }: Inputs,
): Float32Array {
  const output = new Float32Array(batch * queries * HEADS * channels);
  for (let flat = 0; flat < batch * queries * HEADS; flat++) {
    const head = flat % HEADS;
    const image = Math.floor(flat / HEADS / queries) * tokens;
    let start = 0;
    levels.forEach(([height, width], l) => {
      for (let p = 0; p < POINTS; p++) {
        const at = (flat * levels.length + l) * POINTS + p;
        const x = locations[2 * at] * width - 0.5, y = locations[2 * at + 1] * height - 0.5;
        const left = Math.floor(x), top = Math.floor(y);
        for (const [row, rowWeight] of [[top, 1 - (y - top)], [top + 1, y - top]]) {
          for (const [column, columnWeight] of [[left, 1 - (x - left)], [left + 1, x - left]]) {
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const from = ((image + start + row * width + column) * HEADS + head) * channels;
            const share = rowWeight * columnWeight * weights[at];
            for (let c = 0; c < channels; c++) output[flat * channels + c] += share * value[from + c];
          }
        }
      }
      start += height * width;
    });
  }
  return output;
}

/** Measures and tells. */
export async function run(): Promise<void> {
  const budget = Deno.args.includes("--quick") ? 200 : 600;
  const threads = Number(flagValue("--threads") ?? navigator.hardwareConcurrency);
  const device = await createCpuDevice({ threads });
  say(device.description);
  const rows: string[][] = [];
  for (const test of CASES) {
    using _ = scope();
    const { batch, levels, channels } = test;
    const inputs = inputsOf(test);
    const { tokens, queries } = inputs;
    const points = [batch, queries, HEADS, levels.length, POINTS] as const;
    const value = tensor(device, inputs.value, [batch, tokens, HEADS, channels]);
    const samplingLocations = tensor(device, inputs.locations, [...points, 2]);
    const attentionWeights = tensor(device, inputs.weights, points);
    const run = () => deformableAttention(value, { samplingLocations, attentionWeights }, { spatialShapes: levels });
    const forward = () => {
      using _ = scope();
      run();
    };
    const leaves = [value, samplingLocations, attentionWeights];
    const both = () => {
      using _ = scope();
      for (const leaf of leaves) leaf.requiresGrad = true;
      const output = run();
      output.sum().backward();
      for (const leaf of leaves) {
        leaf.grad?.dispose();
        leaf.grad = undefined;
        leaf.requiresGrad = false;
      }
    };
    fastest(both, budget);
    const before = await measurePeak(threads);
    const [forwardTime, bothTime] = [fastest(forward, budget), fastest(both, budget)];
    const peak = Math.max(before, await measurePeak(threads));
    const twin = fastest(() => void naive(test, inputs), budget);
    const count = inputs.weights.length;
    const row = (name: string, time: number, flopsPerPoint: number) => {
      const rate = count * flopsPerPoint / time / 1e6;
      rows.push([
        `${test.name}, ${name}`,
        time.toFixed(2),
        (time * 1e6 / count).toFixed(1),
        rate.toFixed(1),
        `${(100 * rate / peak).toFixed(0)} %`,
      ]);
    };
    row("forward", forwardTime, 8 * channels);
    row("forward and gradients", bothTime, 3 * 8 * channels);
    row("forward, naive twin", twin, 8 * channels);
  }
  show(["", "ms", "ns per point", "GFLOP/s", "of peak"], rows);
  await device.destroy();
}

if (import.meta.main) await run();
