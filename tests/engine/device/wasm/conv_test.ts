/** Convolutions on the CPU and their gradients against float64 loops, with canaries around every buffer. */

import { assertEquals } from "@std/assert";
import type { Conv2dShape, EpilogueDefinition } from "../../../../engine/device/device.ts";
import { WasmConv } from "../../../../engine/device/wasm/conv/conv.ts";
import { WasmRuntime } from "../../../../engine/device/wasm/runtime/runtime.ts";
import { input } from "../../../../engine/kernel/language/expr.ts";
import { assertNear, GuardedMemory } from "../../../helpers/guarded_memory.ts";

interface Case {
  readonly batch?: number;
  readonly channels: readonly [number, number];
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly dilation?: readonly [number, number];
}

function shapeOf(test: Case): Conv2dShape {
  const { batch = 1, channels, size, kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = test;
  const out = [0, 1].map((i) =>
    Math.floor((size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1
  );
  return {
    ...{ batch, inChannels: channels[0], inHeight: size[0], inWidth: size[1] },
    ...{ outChannels: channels[1], outHeight: out[0], outWidth: out[1] },
    ...{ kernelHeight: kernel[0], kernelWidth: kernel[1], stride, padding, dilation },
  };
}

/** Calls `visit(input index, weight index, output index)` for every product of the convolution. */
function forEachProduct(shape: Conv2dShape, visit: (input: number, weight: number, output: number) => void): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  const { stride, padding, dilation } = shape;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outChannels; o++) {
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          for (let c = 0; c < inChannels; c++) {
            for (let ky = 0; ky < kernelHeight; ky++) {
              const iy = y * stride[0] - padding[0] + ky * dilation[0];
              if (iy < 0 || iy >= inHeight) continue;
              for (let kx = 0; kx < kernelWidth; kx++) {
                const ix = x * stride[1] - padding[1] + kx * dilation[1];
                if (ix < 0 || ix >= inWidth) continue;
                visit(
                  ((n * inChannels + c) * inHeight + iy) * inWidth + ix,
                  ((o * inChannels + c) * kernelHeight + ky) * kernelWidth + kx,
                  ((n * outChannels + o) * outHeight + y) * outWidth + x,
                );
              }
            }
          }
        }
      }
    }
  }
}

const frozenNorm: EpilogueDefinition = {
  name: "scale, shift, residual, relu",
  value: input(0).mul(input(1)).add(input(2)).add(input(3)).max(0),
  operands: ["row", "row", "element"],
};

/** Runs all four on a runtime, checks them against float64 and returns the outputs. */
function run(runtime: WasmRuntime, conv: WasmConv, test: Case): Float32Array[] {
  const shape = shapeOf(test);
  const label = JSON.stringify(test);
  const { batch, inChannels, outChannels } = shape;
  const plane = shape.outHeight * shape.outWidth;
  const sizes = {
    input: batch * inChannels * shape.inHeight * shape.inWidth,
    weight: outChannels * inChannels * shape.kernelHeight * shape.kernelWidth,
    output: batch * outChannels * plane,
  };
  const memory = new GuardedMemory(runtime);
  const { addressOf } = memory;
  const image = memory.random(sizes.input, 1);
  const weight = memory.random(sizes.weight, 2);
  const gradOutput = memory.random(sizes.output, 3);
  const operands = [
    memory.random(outChannels, 4),
    memory.random(outChannels, 5),
    memory.random(sizes.output, 6),
  ];
  const output = memory.filled(sizes.output, 77);
  const normalized = memory.filled(sizes.output, 77);
  const gradInput = memory.filled(sizes.input, 77);
  const gradWeight = memory.filled(sizes.weight, 77);
  conv.conv2d({ shape, input: image, weight, output }, addressOf);
  const epilogue = { definition: frozenNorm, operands };
  conv.conv2d({ shape, input: image, weight, output: normalized, epilogue }, addressOf);
  conv.conv2dInputGradient({ shape, gradOutput, weight, gradInput }, addressOf);
  conv.conv2dWeightGradient({ shape, input: image, gradOutput, gradWeight }, addressOf);
  memory.assertGuards(label);

  const expected = {
    output: new Float64Array(sizes.output),
    input: new Float64Array(sizes.input),
    weight: new Float64Array(sizes.weight),
  };
  forEachProduct(shape, (i, w, o) => {
    expected.output[o] += image.values[i] * weight.values[w];
    expected.input[i] += gradOutput.values[o] * weight.values[w];
    expected.weight[w] += gradOutput.values[o] * image.values[i];
  });
  const [scale, shift, residual] = operands;
  const norm = expected.output.map((value, i) => {
    const channel = Math.floor(i / plane) % outChannels;
    return Math.max(0, value * scale.values[channel] + shift.values[channel] + residual.values[i]);
  });
  const taps = shape.kernelHeight * shape.kernelWidth;
  const results = [output, normalized, gradInput, gradWeight].map((buffer) => memory.read(buffer));
  const forward = Math.sqrt(inChannels * taps + 1);
  assertNear(results[0], expected.output, { scale: forward, label: `output of ${label}` });
  assertNear(results[1], norm, { scale: forward, label: `normalized output of ${label}` });
  assertNear(results[2], expected.input, { scale: Math.sqrt(outChannels * taps + 1), label: `gradInput of ${label}` });
  assertNear(results[3], expected.weight, { scale: Math.sqrt(batch * plane + 1), label: `gradWeight of ${label}` });
  memory.free();
  return results;
}

const cases: readonly Case[] = [
  { channels: [1, 1], size: [1, 1], kernel: [1, 1] },
  { channels: [3, 5], size: [7, 9], kernel: [1, 1] },
  { channels: [16, 24], size: [12, 20], kernel: [1, 1], batch: 3 },
  { channels: [5, 7], size: [9, 11], kernel: [1, 1], stride: [2, 2], batch: 2 },
  { channels: [3, 4], size: [8, 8], kernel: [3, 3] },
  { channels: [3, 4], size: [8, 12], kernel: [3, 3], padding: [1, 1] },
  { channels: [8, 13], size: [10, 13], kernel: [3, 3], padding: [1, 1], batch: 2 },
  { channels: [7, 9], size: [11, 14], kernel: [3, 3], padding: [1, 1], stride: [2, 2], batch: 2 },
  { channels: [7, 9], size: [12, 16], kernel: [3, 3], padding: [1, 1], stride: [2, 2] },
  { channels: [3, 6], size: [23, 30], kernel: [7, 7], padding: [3, 3], stride: [2, 2], batch: 2 },
  { channels: [2, 3], size: [15, 17], kernel: [3, 3], padding: [2, 2], dilation: [2, 2] },
  { channels: [2, 3], size: [16, 19], kernel: [3, 3], padding: [2, 1], dilation: [2, 3], stride: [2, 1] },
  { channels: [2, 3], size: [16, 19], kernel: [3, 5], dilation: [3, 2], stride: [3, 2] },
  { channels: [2, 3], size: [9, 10], kernel: [2, 4], stride: [1, 3], padding: [0, 2] },
  { channels: [4, 4], size: [9, 9], kernel: [2, 2], stride: [4, 4] },
  { channels: [4, 6], size: [5, 6], kernel: [4, 4], stride: [4, 4], padding: [1, 1] },
  { channels: [3, 2], size: [4, 4], kernel: [1, 1], padding: [2, 1] },
  { channels: [2, 2], size: [3, 2], kernel: [3, 3], padding: [4, 4] },
  { channels: [2, 3], size: [5, 5], kernel: [5, 5] },
  { channels: [60, 70], size: [5, 5], kernel: [3, 3], padding: [1, 1], batch: 5 },
  { channels: [50, 300], size: [6, 21], kernel: [3, 3], padding: [1, 1] },
  { channels: [3, 20], size: [40, 44], kernel: [3, 3], padding: [1, 1], batch: 1 },
  { channels: [0, 3], size: [4, 4], kernel: [1, 1] },
  { channels: [3, 0], size: [4, 4], kernel: [1, 1] },
  { channels: [3, 4], size: [4, 4], kernel: [3, 3], padding: [1, 1], batch: 0 },
];

for (const fusedMultiplyAdd of [true, false]) {
  const kind = fusedMultiplyAdd ? "fused multiply-add" : "multiply and add";

  Deno.test(`conv2d and its gradients agree with float64, with equal bits on 1 and 2 threads (${kind})`, async () => {
    const one = await WasmRuntime.create({ threads: 1, fusedMultiplyAdd });
    const two = await WasmRuntime.create({ threads: 2, fusedMultiplyAdd });
    const [convOne, convTwo] = [new WasmConv(one), new WasmConv(two)];
    for (const test of cases) {
      const expected = run(one, convOne, test);
      const found = run(two, convTwo, test);
      found.forEach((result, i) => {
        assertEquals(new Uint32Array(result.buffer), new Uint32Array(expected[i].buffer), JSON.stringify(test));
      });
    }
    await one.destroy();
    await two.destroy();
  });
}

Deno.test("conv2d and its gradients take images with padding in groups when they are too large for one", async () => {
  const runtime = await WasmRuntime.create({ threads: 1 });
  // 12 MB an image: two of the three make the first group.
  const test: Case = {
    batch: 3,
    channels: [1, 2],
    size: [1730, 1735],
    kernel: [3, 3],
    padding: [1, 1],
    stride: [4, 4],
  };
  run(runtime, new WasmConv(runtime), test);
  await runtime.destroy();
});

Deno.test("conv2d and its gradients leave nothing allocated but scratch and kernels", async () => {
  const runtime = await WasmRuntime.create({ threads: 1 });
  const conv = new WasmConv(runtime);
  const test: Case = { channels: [8, 9], size: [10, 11], kernel: [3, 3], padding: [1, 1], stride: [2, 2] };
  run(runtime, conv, test);
  const before = runtime.arena.used;
  run(runtime, conv, test);
  assertEquals(runtime.arena.used, before);
  await runtime.destroy();
});
