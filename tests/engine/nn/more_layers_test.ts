/** Layers that detectors do not need: recurrent ones, sequences of layers, and further convolutions. */
import { assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/device/device.ts";
import { Conv1d } from "../../../engine/nn/conv1d.ts";
import { ConvTranspose2d } from "../../../engine/nn/conv_transpose2d.ts";
import { Dropout } from "../../../engine/nn/dropout.ts";
import { Linear } from "../../../engine/nn/linear.ts";
import type { Module, ModuleContext } from "../../../engine/nn/module.ts";
import { BatchNorm1d } from "../../../engine/nn/norm.ts";
import { GRU, LSTM } from "../../../engine/nn/recurrent.ts";
import { Sequential } from "../../../engine/nn/sequential.ts";
import { relu } from "../../../engine/ops/elementwise.ts";
import { RandomStream } from "../../../engine/random.ts";
import { currentScope, scope } from "../../../engine/scope.ts";
import { type Tensor, tensor } from "../../../engine/tensor.ts";
import { assertClose, checkOp, FEW_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

const contextOn = (device: Device): ModuleContext => ({ device, random: RandomStream.named(1, "layers") });
const shapes = (module: Module) =>
  Object.fromEntries([...module.stateDict()].map(([name, { shape }]) => [name, shape]));

/** Parameter number k becomes 0.6 sin(1.3 i + k), in PyTorch too. */
function fill(module: Module): void {
  [...module.parameters()].forEach(([, parameter], k) =>
    parameter.assign(Float32Array.from({ length: parameter.size }, (_, i) => 0.6 * Math.sin(1.3 * i + k)))
  );
}

deviceTest("recurrent layers have PyTorch's names, and its results", async (devices) => {
  const sizes = { inFeatures: 2, hiddenFeatures: 2, layers: 2 };
  const inputs = Float32Array.from({ length: 12 }, (_, i) => Math.cos(0.7 * i));
  const states = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i));
  // Of PyTorch 1.13.
  const lstm = {
    output: [
      ...[-0.255519, 0.14313, -0.38798, 0.20811, -0.457528, 0.243463],
      ...[-0.240118, 0.127143, -0.388837, 0.217003, -0.464897, 0.255588],
    ],
    hidden: [0.237738, 0.000279, 0.1103, 0.112616, -0.457528, 0.243463, -0.464897, 0.255588],
    cell: [0.71435, 0.000898, 0.407255, 0.450905, -0.758273, 0.468971, -0.773497, 0.510666],
    continued: [
      ...[-0.324871, 0.117646, -0.442646, 0.198132, -0.485978, 0.24528],
      ...[-0.358735, 0.249275, -0.45328, 0.27711, -0.500235, 0.284096],
    ],
  };
  const gru = {
    output: [
      ...[-0.262948, 0.157725, -0.324996, 0.084542, -0.313342, 0.020537],
      ...[-0.15974, -0.020851, -0.356716, 0.151007, -0.431528, 0.14606],
    ],
    hidden: [0.777468, -0.040152, 0.324064, 0.509032, -0.313342, 0.020537, -0.431528, 0.14606],
    continued: [
      ...[-0.648898, -0.168253, -0.546723, -0.025789, -0.462612, 0.008791],
      ...[-0.354433, 0.269433, -0.500501, 0.308537, -0.529723, 0.241257],
    ],
  };
  const close = async (name: string, found: Tensor, want: readonly number[]) =>
    assertClose(name, await found.data(), { want, tolerance: 3e-6 }); // six digits are written here
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const [x, hidden] = [tensor(device, inputs, [2, 3, 2]), tensor(device, states, [2, 2, 2])];
    const [long, gated] = [new LSTM(contextOn(device), sizes), new GRU(contextOn(device), sizes)];
    for (const [module, gates] of [[long, 4], [gated, 3]] as const) {
      fill(module);
      const layer = (k: number) => ({
        [`weight_ih_l${k}`]: [2 * gates, 2],
        [`weight_hh_l${k}`]: [2 * gates, 2],
        [`bias_ih_l${k}`]: [2 * gates],
        [`bias_hh_l${k}`]: [2 * gates],
      });
      assertEquals(shapes(module), { ...layer(0), ...layer(1) });
    }
    const first = long.forward(x);
    await close("LSTM", first.output, lstm.output);
    await close("LSTM, hidden", first.hidden, lstm.hidden);
    await close("LSTM, cell", first.cell, lstm.cell);
    await close("LSTM, continued", long.forward(x, { hidden, cell: hidden.mul(0.5) }).output, lstm.continued);
    const second = gated.forward(x);
    await close("GRU", second.output, gru.output);
    await close("GRU, hidden", second.hidden, gru.hidden);
    await close("GRU, continued", gated.forward(x, { hidden }).output, gru.continued);
    long.dispose();
    gated.dispose();
  }
});

checkOp("gradients go back through all steps of recurrent layers", {
  inputs: [{ shape: [2, 3, 2] }, { shape: [1, 2, 3] }],
  gradientsOnWebGpu: false,
  run: ([x, hidden]) => {
    const modules = [LSTM, GRU].map((Layer) => new Layer(contextOn(x.device), { inFeatures: 2, hiddenFeatures: 3 }));
    modules.forEach(fill);
    modules.forEach((module) => currentScope()?.own(module));
    return modules.map((module) => module.forward(x, { hidden })).flatMap(({ output, hidden }) => [output, hidden]);
  },
});

deviceTest("a sequence hands on from layer to layer, and names them by position", async ({ cpu: [device] }) => {
  using _step = scope();
  const context = contextOn(device);
  const model = new Sequential(
    new Linear(context, { inFeatures: 3, outFeatures: 4 }),
    relu,
    new Dropout(context, { probability: 0.5 }),
    (x) => x.mul(2),
    new Sequential(new Linear(context, { inFeatures: 4, outFeatures: 1, bias: false })),
  );
  assertEquals(shapes(model), { "0.weight": [4, 3], "0.bias": [4], "4.0.weight": [1, 4] });
  assertEquals([...model.modules()].length, 5);
  const x = tensor(device, [1, 2, 3, 4, 5, 6], [2, 3]);
  const [first, last] = [model.stateDict().get("0.weight")!, model.stateDict().get("4.0.weight")!];
  const bias = model.stateDict().get("0.bias")!;
  const want = x.matmul(first.permute([1, 0])).add(bias).relu().mul(2).matmul(last.permute([1, 0]));
  assertClose("forward", await model.evaluate().forward(x).data(), {
    want: await want.data(),
    tolerance: FEW_ROUNDINGS,
  });
  model.dispose();
});

deviceTest("batch norm over vectors and sequences is that over images of one column", async ({ reference, cpu }) => {
  for (const device of [reference, ...cpu]) {
    using _step = scope();
    const layer = new BatchNorm1d(contextOn(device), { channels: 2 });
    const y = await layer.forward(tensor(device, [1, 2, 3, 5, 5, 11], [3, 2])).data();
    const want = [-1.2247, -1.069, 0, -0.2673, 1.2247, 1.3363];
    assertEquals([...y].map((value) => value.toFixed(4).replace(/^-0.0000$/, "0.0000")), want.map((v) => v.toFixed(4)));
    assertClose("mean", await layer.runningMean.data(), { want: [0.3, 0.6], tolerance: FEW_ROUNDINGS });
    assertClose("variance", await layer.runningVar.data(), { want: [1.3, 3], tolerance: FEW_ROUNDINGS });
    assertEquals(layer.evaluate().forward(tensor(device, new Float32Array(12), [2, 2, 3])).shape, [2, 2, 3]);
    assertThrows(
      () => layer.forward(tensor(device, [1, 2])),
      RangeError,
      "BatchNorm1d: expected x [N, C] or [N, C, L]",
    );
    layer.dispose();
  }
});

deviceTest("convolutions along one axis and transposed ones have PyTorch's shapes", ({ reference: device }) => {
  using _step = scope();
  const context = contextOn(device);
  const sizes = { inChannels: 4, outChannels: 6, kernel: 3, stride: 2, padding: 1 };
  const [along, transposed] = [new Conv1d(context, { ...sizes, groups: 2 }), new ConvTranspose2d(context, sizes)];
  assertEquals(shapes(along), { weight: [6, 2, 3], bias: [6] });
  assertEquals(shapes(transposed), { weight: [4, 6, 3, 3], bias: [6] });
  assertEquals(along.forward(tensor(device, new Float32Array(40), [1, 4, 10])).shape, [1, 6, 5]);
  assertEquals(transposed.forward(tensor(device, new Float32Array(48), [1, 4, 3, 4])).shape, [1, 6, 5, 7]);
  assertEquals(shapes(new ConvTranspose2d(context, { ...sizes, bias: false })), { weight: [4, 6, 3, 3] });
});

deviceTest("sequences of another shape, and states of another, are refused", ({ reference: device }) => {
  using _step = scope();
  const layer = new LSTM(contextOn(device), { inFeatures: 2, hiddenFeatures: 3 });
  const x = tensor(device, new Float32Array(8), [2, 2, 2]);
  assertThrows(
    () => layer.forward(x.reshape([2, 4])),
    RangeError,
    "LSTM: expected x [N, T, 2] with T ≥ 1 but found [2, 4]",
  );
  assertThrows(
    () => layer.forward(x, { hidden: x }),
    RangeError,
    "LSTM: expected a state [1, 2, 3] but found [2, 2, 2]",
  );
});
