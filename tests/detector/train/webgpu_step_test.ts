/**
 * What exact resuming on a GPU rests on: a training step of a whole DINO gives the same bits on every fresh device, and
 * leaves no memory behind.
 */
import { assert, assertEquals } from "@std/assert";
import type { Batch } from "../../../detector/data/mod.ts";
import { RandomStream } from "../../../engine/random.ts";
import type { WebGpuDevice } from "../../../engine/device/webgpu/device.ts";
import { bitsOf, gpuTest } from "../../helpers/gpu_bench.ts";
import { tinyConfig, tinySession } from "../../helpers/tiny_model.ts";
import { openTestGpu } from "../../helpers/webgpu.ts";

/** Two images of different size with two objects and one; other pixels at each step. */
function batchAt(step: number): Batch {
  const [batch, height, width] = [2, 64, 96];
  const random = RandomStream.named(step, "images of a training step");
  const images = Float32Array.from({ length: batch * 3 * height * width }, () => 2 * random.uniform() - 1);
  const mask = new Uint8Array(batch * height * width);
  for (let y = 0; y < height; y++) mask.fill(1, (height + y) * width + 64, (height + y + 1) * width);
  images.forEach((_, i) => {
    const [image, pixel] = [Math.floor(i / (3 * height * width)), i % (height * width)];
    if (mask[image * height * width + pixel]) images[i] = 0;
  });
  const target = (imageId: number, labels: number[], boxes: number[]) => ({
    imageId,
    labels: Int32Array.from(labels),
    boxes: Float32Array.from(boxes),
    area: new Float32Array(labels.length).fill(100),
    iscrowd: new Uint8Array(labels.length),
    originalSize: [height, width] as const,
    size: [height, width] as const,
  });
  const targets = [
    target(1, [1, 3], [0.3, 0.4, 0.2, 0.3, 0.7, 0.5, 0.4, 0.6]),
    target(2, [2], [0.4, 0.5, 0.3, 0.3]),
  ];
  return { images, mask, shape: [batch, 3, height, width], targets, nextSample: (step + 1) * batch };
}

/** With everything that draws random numbers or keeps state: dropout, denoising, moments, the moving average. */
const config = tinyConfig({ dropout: 0.1, batch_size: 2, use_ema: true });

async function trainedBits(gpu: WebGpuDevice, steps: number): Promise<Map<string, Int32Array>> {
  const session = tinySession(gpu, { config });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await session.step(batchAt(step))).loss);
  const bits = new Map([["losses", bitsOf(Float32Array.from(losses))]]);
  for (const [name, stored] of (await session.capture({})).tensors) {
    bits.set(name, new Int32Array(stored.data.buffer, stored.data.byteOffset, stored.data.byteLength / 4));
  }
  session.dispose();
  return bits;
}

gpuTest("two training steps give the same bits on two fresh devices: weights, moments and average", async (gpu) => {
  const first = await trainedBits(gpu, 2);
  const other = await openTestGpu();
  try {
    const second = await trainedBits(other, 2);
    assertEquals([...second.keys()], [...first.keys()]);
    for (const part of ["model/", "optimizer/", "ema/"]) {
      assert([...first.keys()].some((name) => name.startsWith(part)), `expected tensors of ${part}`);
    }
    for (const [name, bits] of first) assertEquals(second.get(name), bits, name);
  } finally {
    await other.destroy();
  }
});

gpuTest(
  "a training step leaves no bytes, programs or bind groups behind: after step 3 there are as many as after 2",
  async (gpu) => {
    const session = tinySession(gpu, { config });
    const used: unknown[] = [];
    for (let step = 0; step < 3; step++) {
      await session.step(batchAt(step));
      const { memory, pipelines: { made } } = gpu;
      used.push({ used: memory.used, reserved: memory.reserved, peak: memory.peak, ...made });
    }
    assertEquals(used[2], used[1]);
    session.dispose();
    assertEquals(gpu.memory.used, 0, "bytes after the session is disposed of");
  },
);
