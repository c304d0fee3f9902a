/**
 * Speeds of the operations that a detector lives on, on any device: a matrix product, a convolution and deformable
 * attention, each large enough to fill the device.
 */

import { withoutGradient } from "../../engine/autograd.ts";
import type { Device } from "../../engine/device/device.ts";
import { conv2d } from "../../engine/ops/conv.ts";
import { deformableAttention } from "../../engine/ops/deformable_attention.ts";
import { matmul } from "../../engine/ops/matmul.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import type { Shape } from "../../engine/shape.ts";
import { sizeOf } from "../../engine/shape.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";

export interface KernelSpeed {
  readonly name: string;
  /** Of the fastest run. */
  readonly seconds: number;
  readonly flops: number;
}

/** Milliseconds until the optimized code of an operation is in use on every thread … */
const WARM_UP = 600;
/** … and that it is then repeated for. */
const BUDGET = 400;

/** Measures the operations one after the other. */
export async function measureKernels(device: Device): Promise<KernelSpeed[]> {
  const random = RandomStream.named(0, "measure kernels");
  const filled = (shape: Shape) => tensor(device, random.uniforms(new Float32Array(sizeOf(shape))), shape);
  const speeds: KernelSpeed[] = [];
  const add = async (name: string, flops: number, run: () => Tensor) =>
    speeds.push({ name, flops, seconds: await fastestRun(device, run) });
  {
    using _ = scope();
    const [a, b] = [filled([1024, 1024]), filled([1024, 1024])];
    await add("matrix product 1024 x 1024 x 1024", 2 * 1024 ** 3, () => matmul(a, b));
  }
  {
    using _ = scope();
    const [x, weight] = [filled([1, 256, 60, 80]), filled([256, 256, 3, 3])];
    await add(
      "convolution 3x3, 256 to 256 channels on 60x80",
      2 * 256 * 256 * 9 * 60 * 80,
      () => conv2d(x, { weight }, { padding: 1 }),
    );
  }
  {
    using _ = scope();
    const spatialShapes = [[60, 80], [30, 40], [15, 20], [8, 10]] as const;
    const tokens = spatialShapes.reduce((sum, [height, width]) => sum + height * width, 0);
    const points = [1, tokens, 8, spatialShapes.length, 4] as const;
    const value = filled([1, tokens, 8, 32]);
    const options = { samplingLocations: filled([...points, 2]), attentionWeights: filled(points) };
    await add(
      "deformable attention, encoder at 640x480",
      sizeOf(points) * 4 * 32 * 2, // a multiply-add per corner and channel
      () => deformableAttention(value, options, { spatialShapes }),
    );
  }
  return speeds;
}

async function fastestRun(device: Device, run: () => Tensor): Promise<number> {
  let best = Infinity;
  const warm = performance.now() + WARM_UP;
  for (let measured = 0; measured < 3 || performance.now() < warm + BUDGET;) {
    using _ = scope();
    const start = performance.now();
    withoutGradient(run);
    await device.finish();
    if (start < warm) continue;
    best = Math.min(best, (performance.now() - start) / 1000);
    measured++;
  }
  return best;
}
