import { input } from "../../../../engine/kernel/language/expr.ts";
import type { Conv2dShape, EpilogueDefinition } from "../../../../engine/device/device.ts";
import { compare, gpuTest, numbers, serialSum } from "../../../helpers/gpu_bench.ts";

type Pair = readonly [number, number];
interface Convolution {
  readonly batch?: number;
  readonly channels: Pair;
  readonly image: Pair;
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly dilation?: Pair;
}

function shapeOf(c: Convolution): Conv2dShape {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = c;
  const out = (axis: 0 | 1) =>
    Math.floor((c.image[axis] + 2 * padding[axis] - dilation[axis] * (c.kernel[axis] - 1) - 1) / stride[axis]) + 1;
  return {
    batch: c.batch ?? 1,
    inChannels: c.channels[0],
    inHeight: c.image[0],
    inWidth: c.image[1],
    outChannels: c.channels[1],
    outHeight: out(0),
    outWidth: out(1),
    kernelHeight: c.kernel[0],
    kernelWidth: c.kernel[1],
    stride,
    padding,
    dilation,
  };
}

const frozenNorm: EpilogueDefinition = {
  name: "frozen batch norm, residual, relu",
  value: input(0).mul(input(1)).add(input(2)).add(input(3)).max(0),
  operands: ["row", "row", "element"],
};

const shapes = [
  { channels: [5, 9], image: [7, 11], kernel: [1, 1], batch: 2 },
  { channels: [3, 7], image: [9, 13], kernel: [3, 3], padding: [1, 1], batch: 2 },
  { channels: [3, 5], image: [15, 17], kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
  { channels: [6, 4], image: [8, 9], kernel: [1, 1], stride: [2, 2] },
  { channels: [2, 3], image: [11, 10], kernel: [3, 2], stride: [2, 3], padding: [2, 0], dilation: [2, 1], batch: 3 },
  // Many pixels and few weights: the sum of the weight's gradient is cut into parts where tiles are shared.
  { channels: [1, 2], image: [40, 33], kernel: [3, 3], padding: [1, 1] },
  { channels: [2, 2], image: [5, 5], kernel: [3, 3], batch: 0 },
] satisfies readonly Convolution[];

for (const tiles of ["registers", "shared"] as const) {
  gpuTest(`convolutions and their gradients tiled in ${tiles} agree with float64 at odd sizes`, async (gpu) => {
    for (const convolution of shapes) {
      const shape = shapeOf(convolution);
      const inputSize = shape.batch * shape.inChannels * shape.inHeight * shape.inWidth;
      const outputSize = shape.batch * shape.outChannels * shape.outHeight * shape.outWidth;
      const weightSize = shape.outChannels * shape.inChannels * shape.kernelHeight * shape.kernelWidth;
      await compare(gpu, async (bench) => {
        const [image, weight] = [bench.put(numbers(inputSize)), bench.put(numbers(weightSize, 2))];
        const gradOutput = bench.put(numbers(outputSize, 3));
        const [plain, finished] = [bench.empty(outputSize), bench.empty(outputSize)];
        const [gradInput, gradWeight] = [bench.empty(inputSize), bench.empty(weightSize)];
        bench.device.conv2d({ shape, input: image, weight, output: plain });
        const operands = [shape.outChannels, shape.outChannels, outputSize].map((n, i) => bench.put(numbers(n, i + 4)));
        const epilogue = { definition: frozenNorm, operands };
        bench.device.conv2d({ shape, input: image, weight, output: finished, epilogue });
        bench.device.conv2dInputGradient({ shape, gradOutput, weight, gradInput });
        bench.device.conv2dWeightGradient({ shape, input: image, gradOutput, gradWeight });
        return [
          await bench.floats(plain, outputSize),
          await bench.floats(finished, outputSize),
          await bench.floats(gradInput, inputSize),
          await bench.floats(gradWeight, weightSize),
        ];
      }, { scale: serialSum(Math.max(weightSize / shape.outChannels, outputSize / shape.outChannels)) });
    }
  }, { tiles });
}
