/**
 * Convolutions and their gradients at the shapes of the backbones, as GFLOP/s and as a share of the machine's own peak,
 * measured right before and after each shape. `deno run -A bench/conv.ts [--quick]`
 */

import type { Conv2dShape } from "../engine/device/device.ts";
import { WasmConv } from "../engine/device/wasm/conv/conv.ts";
import { WasmRuntime } from "../engine/device/wasm/runtime/runtime.ts";
import { addressOf, block } from "./gemm.ts";
import { fastest, peakMeter } from "../engine/profile/peak.ts";
import { say, show } from "./report.ts";

interface Layer {
  readonly name: string;
  readonly batch?: number;
  readonly channels: readonly [number, number];
  /** Height and width of the input. */
  readonly size: readonly [number, number];
  readonly kernel: number;
  readonly stride?: number;
}

export const LAYERS: readonly Layer[] = [
  { name: "3x3 on 60x80", channels: [256, 256], size: [60, 80], kernel: 3 },
  { name: "cards stem", batch: 8, channels: [3, 32], size: [160, 160], kernel: 3, stride: 2 },
  { name: "cards stage 1", batch: 8, channels: [32, 32], size: [40, 40], kernel: 3 },
  { name: "cards stage 2, down", batch: 8, channels: [32, 64], size: [40, 40], kernel: 3, stride: 2 },
  { name: "cards stage 2", batch: 8, channels: [64, 64], size: [20, 20], kernel: 3 },
  { name: "cards stage 3", batch: 8, channels: [128, 128], size: [10, 10], kernel: 3 },
  { name: "cards stage 4", batch: 8, channels: [256, 256], size: [5, 5], kernel: 3 },
  { name: "R50 stem", channels: [3, 64], size: [480, 640], kernel: 7, stride: 2 },
  { name: "R50 stage 1, 1x1", channels: [64, 256], size: [120, 160], kernel: 1 },
  { name: "R50 stage 1, 3x3", channels: [64, 64], size: [120, 160], kernel: 3 },
  { name: "R50 stage 2, 3x3 down", channels: [128, 128], size: [120, 160], kernel: 3, stride: 2 },
  { name: "R50 stage 2, 1x1 down", channels: [256, 512], size: [120, 160], kernel: 1, stride: 2 },
  { name: "R50 stage 3, 3x3", channels: [256, 256], size: [30, 40], kernel: 3 },
  { name: "R50 stage 3, 1x1", channels: [1024, 256], size: [30, 40], kernel: 1 },
  { name: "R50 stage 4, 3x3", channels: [512, 512], size: [15, 20], kernel: 3 },
  { name: "R50 stage 4, 1x1", channels: [512, 2048], size: [15, 20], kernel: 1 },
];

export function shapeOf({ batch = 1, channels, size, kernel, stride = 1 }: Layer): Conv2dShape {
  const padding = (kernel - 1) / 2;
  const out = size.map((length) => Math.floor((length + 2 * padding - kernel) / stride) + 1);
  return {
    ...{ batch, inChannels: channels[0], inHeight: size[0], inWidth: size[1] },
    ...{ outChannels: channels[1], outHeight: out[0], outWidth: out[1], kernelHeight: kernel, kernelWidth: kernel },
    ...{ stride: [stride, stride], padding: [padding, padding], dilation: [1, 1] },
  };
}

/** The naive twin: six loops, 3x3 with padding 1 on one image. Returns GFLOP/s. */
function naiveRate({ channels, size }: { readonly channels: number; readonly size: number }): number {
  const image = new Float32Array(channels * size * size).fill(0.5);
  const weights = new Float32Array(channels * channels * 9).fill(0.5);
  const out = new Float32Array(channels * size * size);
  const time = fastest(() => {
    for (let o = 0; o < channels; o++) {
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          let sum = 0;
          for (let c = 0; c < channels; c++) {
            for (let ky = Math.max(0, 1 - y); ky < Math.min(3, size + 1 - y); ky++) {
              for (let kx = Math.max(0, 1 - x); kx < Math.min(3, size + 1 - x); kx++) {
                const pixel = image[(c * size + y + ky - 1) * size + x + kx - 1];
                sum += pixel * weights[((o * channels + c) * 3 + ky) * 3 + kx];
              }
            }
          }
          out[(o * size + y) * size + x] = sum;
        }
      }
    }
  }, 100);
  return 2 * 9 * channels * channels * size * size / time / 1e6;
}

/** Measures and tells. */
export async function run(): Promise<void> {
  const twin = naiveRate({ channels: 32, size: 40 });
  say(`naive loops in TypeScript, 3x3 32->32 on 40x40: ${twin.toFixed(1)} GFLOP/s`);
  const budget = Deno.args.includes("--quick") ? 80 : 300;
  for (const threads of [1, 2]) {
    const runtime = await WasmRuntime.create({ threads });
    const conv = new WasmConv(runtime);
    const peak = peakMeter(runtime);
    say(`${threads} thread(s), fused: ${runtime.fusedMultiplyAdd}, peak ${peak().toFixed(0)} GFLOP/s`);
    const rows: string[][] = [];
    for (const layer of LAYERS) {
      const shape = shapeOf(layer);
      const { batch, inChannels, outChannels, kernelHeight, kernelWidth } = shape;
      const pixels = batch * shape.outHeight * shape.outWidth;
      const weights = outChannels * inChannels * kernelHeight * kernelWidth;
      const input = block(runtime, batch * inChannels * shape.inHeight * shape.inWidth);
      const output = block(runtime, outChannels * pixels);
      const weight = block(runtime, weights);
      const best = Math.max(peak(), peak());
      const report = (run: () => void) => {
        const time = fastest(run, budget);
        const rate = 2 * pixels * weights / time / 1e6;
        return [time.toFixed(2), rate.toFixed(0), `${(100 * rate / best).toFixed(0)} %`];
      };
      const results = [
        report(() => conv.conv2d({ shape, input, weight, output }, addressOf)),
        report(() => conv.conv2dInputGradient({ shape, gradOutput: output, weight, gradInput: input }, addressOf)),
        report(() => conv.conv2dWeightGradient({ shape, input, gradOutput: output, gradWeight: weight }, addressOf)),
      ];
      const [height, width] = layer.size;
      rows.push([layer.name, `${batch}x${inChannels}->${outChannels} ${height}x${width}`, ...results.flat()]);
      for (const { address } of [input, output, weight]) runtime.free(address);
    }
    const each = ["forward", "input gradient", "weight gradient"].flatMap((
      what,
    ) => [`${what}, ms`, "GFLOP/s", "of peak"]);
    show(["layer", "size", ...each], rows);
    await runtime.destroy();
  }
}

if (import.meta.main) await run();
