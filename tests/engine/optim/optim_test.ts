import { assert, assertEquals, assertThrows } from "@std/assert";
import { Parameter } from "../../../engine/parameter.ts";
import { AdamW, clipGradNorm, type Optimizer, SGD } from "../../../engine/optim/mod.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import type { Device } from "../../../engine/device/device.ts";
import { assertClose, EXACT, FEW_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";
import { runLrGolden } from "../../helpers/lr_goldens.ts";

const STEPS = 5;
const SIZE = 7;
const start = Array.from({ length: SIZE }, (_, i) => Math.fround(Math.sin(i + 1)));
const gradientAt = (step: number) => Array.from({ length: SIZE }, (_, i) => Math.fround(Math.cos(3 * i + step)));

const makeParameter = (device: Device, values: readonly number[] = start) =>
  new Parameter({ device }, [values.length], Float32Array.from(values));

function giveGradient(parameter: Parameter, values: readonly number[]): void {
  parameter.grad?.dispose();
  parameter.grad = tensor(parameter.device, Float32Array.from(values)).detached();
}

/** One training step with the test's gradients; `scale` becomes the clipping coefficient. */
function takeStep(optimizer: Optimizer, parameter: Parameter, call: { step: number; rate: number; scale?: number }) {
  using _step = scope();
  giveGradient(parameter, gradientAt(call.step));
  const coefficient = call.scale === undefined ? undefined : tensor(parameter.device, [call.scale]);
  optimizer.step({ learningRates: [call.rate], coefficient });
}

deviceTest("AdamW follows PyTorch's formulas, with clipping and decoupled weight decay", async (devices) => {
  const [rate, decay, beta1, beta2, epsilon, scale] = [0.01, 0.1, 0.9, 0.999, 1e-8, 0.5];
  const p = [...start];
  const [m, v] = [new Array<number>(SIZE).fill(0), new Array<number>(SIZE).fill(0)];
  for (let step = 1; step <= STEPS; step++) {
    gradientAt(step).forEach((raw, i) => {
      const g = raw * scale;
      p[i] *= 1 - rate * decay;
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const denominator = Math.sqrt(v[i]) / Math.sqrt(1 - beta2 ** step) + epsilon;
      p[i] -= rate / (1 - beta1 ** step) * m[i] / denominator;
    });
  }
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    const parameter = makeParameter(device);
    const optimizer = new AdamW([{ name: "all", parameters: [["p", parameter]], weightDecay: decay }]);
    for (let step = 1; step <= STEPS; step++) takeStep(optimizer, parameter, { step, rate, scale });
    assertClose(device.description, await parameter.data(), { want: p, tolerance: FEW_ROUNDINGS });
    optimizer.zeroGrad();
    optimizer.dispose();
    parameter.dispose();
  }
});

deviceTest("SGD follows PyTorch's formulas with momentum and weight decay", async (devices) => {
  const [rate, decay, momentum] = [0.05, 0.01, 0.9];
  const p = [...start];
  const b = new Array<number>(SIZE).fill(0);
  for (let step = 1; step <= STEPS; step++) {
    gradientAt(step).forEach((raw, i) => {
      const g = raw + decay * p[i];
      b[i] = step === 1 ? g : momentum * b[i] + g;
      p[i] -= rate * b[i];
    });
  }
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    const parameter = makeParameter(device);
    const optimizer = new SGD([{ name: "all", parameters: [["p", parameter]], weightDecay: decay }], { momentum });
    for (let step = 1; step <= STEPS; step++) takeStep(optimizer, parameter, { step, rate });
    assertClose(device.description, await parameter.data(), { want: p, tolerance: FEW_ROUNDINGS });
    optimizer.zeroGrad();
    optimizer.dispose();
    parameter.dispose();
  }
});

deviceTest("an optimizer restored from its state continues bit for bit", async (devices) => {
  for (const device of [...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    const parameter = makeParameter(device);
    const groups = [{ name: "all", parameters: [["p", parameter] as const], weightDecay: 0.1 }];
    const optimizer = new AdamW(groups);
    for (let step = 1; step <= 3; step++) takeStep(optimizer, parameter, { step, rate: 0.01 });
    const state = optimizer.state();
    const stored = {
      steps: new Map(state.steps),
      tensors: new Map(await Promise.all([...state.tensors].map(async ([k, t]) => [k, await t.data()] as const))),
    };
    const values = await parameter.data();
    for (let step = 4; step <= STEPS; step++) takeStep(optimizer, parameter, { step, rate: 0.01 });
    const uninterrupted = await parameter.data();
    const resumed = new AdamW(groups);
    resumed.loadState(stored);
    parameter.assign(values);
    for (let step = 4; step <= STEPS; step++) takeStep(resumed, parameter, { step, rate: 0.01 });
    assertEquals([...await parameter.data()], [...uninterrupted], device.description);
    const cold = new AdamW(groups);
    parameter.assign(values);
    for (let step = 4; step <= STEPS; step++) takeStep(cold, parameter, { step, rate: 0.01 });
    assert([...await parameter.data()].some((value, i) => value !== uninterrupted[i]), "a cold start differs");
    for (const each of [optimizer, resumed, cold]) each.dispose();
    optimizer.zeroGrad();
    parameter.dispose();
  }
});

deviceTest("a parameter without a gradient is left alone, and its count too", async ({ reference: device }) => {
  const [moved, still] = [makeParameter(device), makeParameter(device)];
  const parameters = [["moved", moved], ["still", still]] as const;
  const optimizer = new AdamW([{ name: "all", parameters, weightDecay: 0.5 }]);
  takeStep(optimizer, moved, { step: 1, rate: 0.1 });
  assertEquals([...await still.data()], start);
  assertEquals([...optimizer.state().steps], [["moved", 1]]);
  optimizer.zeroGrad();
  optimizer.dispose();
});

deviceTest("clipping measures the norm over all gradients and shrinks only what is too long", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const [a, b] = [makeParameter(device, [0, 0]), makeParameter(device, [0])];
    giveGradient(a, [3, 0]);
    giveGradient(b, [4]);
    const clipped = clipGradNorm([a, b], 0.1);
    assertClose("norm", [await clipped.norm.item()], { want: [5], tolerance: FEW_ROUNDINGS });
    const want = [0.1 / (5 + 1e-6)];
    assertClose("coefficient", await clipped.coefficient!.data(), { want, tolerance: FEW_ROUNDINGS });
    const free = clipGradNorm([a, b], 10);
    assertClose("coefficient", await free.coefficient!.data(), { want: [1], tolerance: EXACT });
    for (const parameter of [a, b]) {
      parameter.grad?.dispose();
      parameter.dispose();
    }
  }
});

deviceTest("a parameter in two groups is refused, and so is state of unknown parameters", ({ reference: device }) => {
  const p = makeParameter(device);
  const group = { name: "all", parameters: [["p", p]] as const, weightDecay: 0 };
  assertThrows(() => new SGD([group, group]), RangeError, "optimizer: expected p in one group but found it in two");
  assertThrows(
    () => new SGD([group]).loadState({ tensors: new Map(), steps: new Map([["q", 1]]) }),
    RangeError,
    'optimizer: expected state of known parameters but found "q"',
  );
});

Deno.test("the schedules give PyTorch's learning rates, step by step", () => {
  const folder = Deno.env.get("DINOGRAD_GOLDENS") ?? new URL("../../goldens", import.meta.url).pathname;
  const results = runLrGolden(Deno.readTextFileSync(`${folder}/lr.json`));
  assert(results.length > 0, "expected schedules");
  for (const { name, worst } of results) {
    assert(worst.ratio <= 1, `${name}: ${worst.where} is ${worst.ratio} of its tolerance`);
  }
});
