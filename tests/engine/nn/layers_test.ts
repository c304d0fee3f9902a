import { assert, assertEquals, AssertionError } from "@std/assert";
import { Conv2d } from "../../../engine/nn/conv2d.ts";
import { MSDeformAttn } from "../../../engine/nn/deformable_attention.ts";
import { Dropout, DropPath } from "../../../engine/nn/dropout.ts";
import { Embedding } from "../../../engine/nn/embedding.ts";
import { Linear } from "../../../engine/nn/linear.ts";
import { MLP } from "../../../engine/nn/mlp.ts";
import type { Module, ModuleContext } from "../../../engine/nn/module.ts";
import { MultiheadAttention } from "../../../engine/nn/multihead_attention.ts";
import { BatchNorm2d, FrozenBatchNorm2d, GroupNorm, LayerNorm } from "../../../engine/nn/norm.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scope } from "../../../engine/scope.ts";
import { full, type Tensor, tensor } from "../../../engine/tensor.ts";
import type { Device } from "../../../engine/device/device.ts";
import { assertClose, FEW_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

const contextOn = (device: Device): ModuleContext => ({ device, random: RandomStream.named(1, "layers") });
const shapes = (module: Module) =>
  Object.fromEntries([...module.stateDict()].map(([name, { shape }]) => [name, shape]));

/** Uniform numbers in ±bound: all inside, some near the ends, and centred. */
async function assertUniform(parameter: Tensor | undefined, bound: number): Promise<void> {
  if (!parameter) throw new AssertionError("expected a parameter");
  const data = [...await parameter.data()];
  const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const mean = data.reduce((total, x) => total + x, 0) / data.length;
  assert(largest <= bound * (1 + 1e-6) && largest > 0.9 * bound, `largest ${largest} of ±${bound}`);
  // Five standard deviations of the mean of so many uniform numbers.
  assert(Math.abs(mean) < 5 * bound / Math.sqrt(3 * data.length), `mean ${mean} of ±${bound}`);
}

deviceTest("layers have PyTorch's names and shapes", ({ reference: device }) => {
  const context = contextOn(device);
  assertEquals(shapes(new Linear(context, { inFeatures: 3, outFeatures: 2 })), { weight: [2, 3], bias: [2] });
  assertEquals(shapes(new Linear(context, { inFeatures: 3, outFeatures: 2, bias: false })), { weight: [2, 3] });
  assertEquals(shapes(new Conv2d(context, { inChannels: 4, outChannels: 4, kernel: 3, groups: 4 })), {
    weight: [4, 1, 3, 3],
    bias: [4],
  });
  assertEquals(shapes(new BatchNorm2d(context, { channels: 2 })), {
    weight: [2],
    bias: [2],
    running_mean: [2],
    running_var: [2],
    num_batches_tracked: [],
  });
  assertEquals(shapes(new FrozenBatchNorm2d(context, { channels: 2 })), {
    weight: [2],
    bias: [2],
    running_mean: [2],
    running_var: [2],
  });
  assertEquals(shapes(new GroupNorm(context, { groups: 1, channels: 2 })), { weight: [2], bias: [2] });
  assertEquals(shapes(new LayerNorm(context, { features: 2 })), { weight: [2], bias: [2] });
  assertEquals(shapes(new Embedding(context, { rows: 5, features: 2 })), { weight: [5, 2] });
  assertEquals(shapes(new MLP(context, { inFeatures: 2, hiddenFeatures: 3, outFeatures: 4, layers: 2 })), {
    "layers.0.weight": [3, 2],
    "layers.0.bias": [3],
    "layers.1.weight": [4, 3],
    "layers.1.bias": [4],
  });
  assertEquals(shapes(new MultiheadAttention(context, { features: 4, heads: 2 })), {
    in_proj_weight: [12, 4],
    in_proj_bias: [12],
    "out_proj.weight": [4, 4],
    "out_proj.bias": [4],
  });
  assertEquals(shapes(new MSDeformAttn(context, { features: 4, levels: 3, heads: 2, points: 5 })), {
    "sampling_offsets.weight": [60, 4],
    "sampling_offsets.bias": [60],
    "attention_weights.weight": [30, 4],
    "attention_weights.bias": [30],
    "value_proj.weight": [4, 4],
    "value_proj.bias": [4],
    "output_proj.weight": [4, 4],
    "output_proj.bias": [4],
  });
});

deviceTest("layers start with PyTorch's distributions", async ({ reference: device }) => {
  const context = contextOn(device);
  const linear = new Linear(context, { inFeatures: 100, outFeatures: 60 });
  await assertUniform(linear.weight, 0.1);
  await assertUniform(linear.bias, 0.1);
  await assertUniform(new Conv2d(context, { inChannels: 16, outChannels: 32, kernel: 3 }).weight, 1 / 12);
  const attention = new MultiheadAttention(context, { features: 30, heads: 3 });
  await assertUniform(attention.inProjWeight, Math.sqrt(6 / 120));
  await assertUniform(attention.outProj.weight, 1 / Math.sqrt(30));
  assertEquals(new Set(await attention.outProj.bias!.data()), new Set([0]));
  const table = [...await new Embedding(context, { rows: 100, features: 50 }).weight.data()];
  const square = table.reduce((total, x) => total + x * x, 0) / table.length;
  assert(Math.abs(square - 1) < 0.1, `variance ${square}`);
});

deviceTest("deformable attention starts by looking in equally spaced directions", async ({ reference: device }) => {
  const layer = new MSDeformAttn(contextOn(device), { features: 8, levels: 1, heads: 8, points: 2 });
  const bias = await layer.samplingOffsets.bias!.data();
  // Head 0 to the right, head 1 down and to the right, head 2 down; the second point twice as far.
  const want = [1, 0, 2, 0, 1, 1, 2, 2, 0, 1, 0, 2];
  assertClose("offsets", [...bias].slice(0, 12).map((x) => x + 10), {
    want: want.map((x) => x + 10),
    tolerance: FEW_ROUNDINGS,
  });
  assertEquals(new Set(await layer.samplingOffsets.weight.data()), new Set([0]));
});

deviceTest("a frozen batch norm is what a batch norm does in evaluation", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const context = contextOn(device);
    const [frozen, trained] = [
      new FrozenBatchNorm2d(context, { channels: 3 }),
      new BatchNorm2d(context, { channels: 3 }).evaluate(),
    ];
    for (const norm of [frozen, trained]) {
      norm.weight.assign(Float32Array.of(1, 2, -1));
      norm.bias.assign(Float32Array.of(0, 0.5, 1));
      norm.runningMean.assign(Float32Array.of(1, -1, 0));
      norm.runningVar.assign(Float32Array.of(1, 0.25, 4));
    }
    const x = tensor(device, Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)), [2, 3, 2, 2]);
    const want = await trained.forward(x).data();
    assertClose(device.description, await frozen.forward(x).data(), { want, tolerance: FEW_ROUNDINGS });
    frozen.dispose();
    trained.dispose();
  }
});

deviceTest("a batch norm counts the batches it trains on", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const norm = new BatchNorm2d(contextOn(device), { channels: 1 });
    const x = tensor(device, [1, 2, 3, 4], [1, 1, 2, 2]);
    norm.forward(x);
    norm.forward(x);
    norm.evaluate().forward(x);
    assertEquals([...await norm.numBatchesTracked.data()], [2]);
    norm.dispose();
  }
});

deviceTest("dropout layers drop in training and do nothing in evaluation", async ({ reference: device }) => {
  using _step = scope();
  const noise = RandomStream.named(2, "noise");
  const context = { ...contextOn(device), noise };
  const x = full(device, [200, 2], 1);
  for (const layer of [new Dropout(context, { probability: 0.5 }), new DropPath(context, { probability: 0.5 })]) {
    const values = new Set(await layer.forward(x).data());
    assertEquals(values, new Set([0, 2]));
    assertEquals(layer.evaluate().forward(x), x);
  }
  assertEquals(noise.counter, 600);
});
