/**
 * `checkOp` holds an op against the plainest truth we have. It runs the op on the float64 reference device, where its
 * gradients must equal central differences; then on the CPU with one and with two threads, whose results must agree in
 * every bit; then on WebGPU. Each device must come within a tolerance of the reference, and give all memory back.
 *
 * The gradients are those of Σ output · seed, with fixed random seeds, so every output element counts.
 */

import { assert, assertEquals, AssertionError } from "@std/assert";
import { forgetConstants } from "../../engine/constants.ts";
import type { Device } from "../../engine/device/device.ts";
import type { TensorData } from "../../engine/dtype.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { type Shape, sizeOf } from "../../engine/shape.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { deviceTest, type TestDevices } from "./devices.ts";

/** One input: its values are drawn from low..high, or given. Float32 numbers, so that all devices get the same ones. */
export interface OpInput {
  readonly shape: Shape;
  readonly low?: number;
  readonly high?: number;
  readonly values?: TensorData | readonly number[];
  /** Whether its gradient is checked. Default: yes, unless the values are integers. */
  readonly gradient?: boolean;
}

/** Relative to the largest magnitude of the tensor compared: a few roundings of 2^-24 and sums of tens of terms. */
export const FEW_ROUNDINGS = 3e-6;
/** For sums of hundreds to thousands of terms, or functions that magnify their argument's rounding. */
export const MANY_ROUNDINGS = 3e-5;
/** Ops that move, select or count and never round. */
export const EXACT = 0;

export interface OpCheck {
  readonly inputs: readonly OpInput[];
  readonly run: (inputs: readonly Tensor[]) => Tensor | readonly Tensor[];
  /** Error of values and gradients on f32 devices over the largest magnitude. Default: `FEW_ROUNDINGS`. */
  readonly tolerance?: number;
  /** Off for ops without a gradient. */
  readonly gradients?: boolean;
  /**
   * Off for families of pointwise functions, whose kernels take a software rasterizer long to compile: their gradients are
   * printed by the machine that prints their values. Default on.
   */
  readonly gradientsOnWebGpu?: boolean;
  /** The step of the central differences: small enough to stay on one side of kinks. Default 1e-5. */
  readonly step?: number;
}

/** Central differences in float64 err by step² and by 2^-53 / step; at 1e-5 both are far below this. */
const DIFFERENCE_TOLERANCE = 1e-6;
/** At most so many elements of an input are differenced one by one; a larger input is sampled. */
const DIFFERENCED = 48;

/** Defines a test of an op. */
export function checkOp(name: string, check: OpCheck): void {
  deviceTest(name, async (devices) => await runCheck(name, { check, devices }));
}

async function runCheck(name: string, { check, devices }: { check: OpCheck; devices: TestDevices }): Promise<void> {
  const values = check.inputs.map((input, i) => drawInput(input, i));
  const { reference, cpu, webgpu } = devices;
  const truth = await evaluateOn(reference, { check, values });
  assert(truth.outputs.every((output) => output.length > 0), `${name}: the op gave an empty output`);
  await compareWithDifferences(name, { check, values, device: reference, truth });
  const [one, two] = [await evaluateOn(cpu[0], { check, values }), await evaluateOn(cpu[1], { check, values })];
  compare(`${name} on the CPU`, { found: one, truth, check });
  assertSameBits(`${name}: one thread and two`, one, two);
  if (!webgpu) return;
  const onGpu = check.gradientsOnWebGpu === false ? { ...check, gradients: false } : check;
  const found = await evaluateOn(webgpu, { check: onGpu, values });
  compare(`${name} on WebGPU`, { found, truth: onGpu === check ? truth : { ...truth, gradients: [] }, check: onGpu });
}

function drawInput(input: OpInput, index: number): TensorData {
  const { shape, low = -1, high = 1, values } = input;
  if (values) return values instanceof Int32Array ? values : Float32Array.from(values);
  const random = RandomStream.named(7, `input ${index}`);
  return Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * random.uniform());
}

interface Evaluation {
  readonly outputs: readonly TensorData[];
  /** Per input, where its gradient is wanted. */
  readonly gradients: readonly (TensorData | undefined)[];
}

const wantsGradient = (check: OpCheck, i: number) =>
  check.gradients !== false && check.inputs[i].gradient !== false && !(check.inputs[i].values instanceof Int32Array);

/** Runs the op forwards and backwards; all memory must come back. */
async function evaluateOn(
  device: Device,
  { check, values }: { check: OpCheck; values: readonly TensorData[] },
): Promise<Evaluation> {
  forgetConstants(device); // are kept beyond scopes on purpose
  const before = device.memory.used;
  const evaluation = await (async () => {
    using step = scope();
    const inputs = values.map((data, i) => {
      const made = tensor(device, data, check.inputs[i].shape);
      made.requiresGrad = wantsGradient(check, i);
      return made;
    });
    const outputs = listOf(check.run(inputs));
    if (inputs.some(({ requiresGrad }) => requiresGrad)) {
      const weighted = outputs.filter(({ dtype, node }) => dtype === "f32" && node)
        .map((output, i) => output.mul(tensor(device, seedFor(i, output.size), output.shape)).sum());
      weighted.reduce((a, b) => a.add(b)).backward();
    }
    const gradients = inputs.map(({ grad }) => grad);
    const result = {
      outputs: await Promise.all(outputs.map((output) => output.data())),
      gradients: await Promise.all(gradients.map((gradient) => gradient?.data())),
    };
    gradients.forEach((gradient) => gradient?.dispose());
    assert(step.size > 0, "a test's scope owns its tensors");
    return result;
  })();
  forgetConstants(device);
  assertEquals(device.memory.used, before, `${device.description}: memory in use after the scope closed`);
  return evaluation;
}

const listOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  Array.isArray(result) ? result : [result as Tensor]; // isArray does not narrow readonly arrays

function seedFor(output: number, size: number): Float32Array {
  const random = RandomStream.named(11, `seed ${output}`);
  return Float32Array.from({ length: size }, () => 2 * random.uniform() - 1);
}

interface DifferenceCheck {
  readonly check: OpCheck;
  readonly values: readonly TensorData[];
  readonly device: Device;
  readonly truth: Evaluation;
}

async function compareWithDifferences(name: string, { check, values, device, truth }: DifferenceCheck): Promise<void> {
  const step = check.step ?? 1e-5;
  for (let i = 0; i < values.length; i++) {
    if (!wantsGradient(check, i)) continue;
    const gradient = truth.gradients[i];
    if (!gradient) throw new AssertionError(`${name}: expected a gradient of input ${i} but none came`);
    const scale = Math.max(absmax(gradient), 1e-3);
    for (const at of sampled(values[i].length)) {
      const difference = (await weightedSum(shifted(values, { i, at, by: step }), { check, device }) -
        await weightedSum(shifted(values, { i, at, by: -step }), { check, device })) / (2 * step);
      const error = Math.abs(difference - gradient[at]) / scale;
      assert(
        error <= DIFFERENCE_TOLERANCE,
        `${name}: d/d input ${i}[${at}] is ${difference} by differences but ${gradient[at]} by the rule`,
      );
    }
  }
}

function shifted(
  values: readonly TensorData[],
  { i, at, by }: { i: number; at: number; by: number },
): readonly TensorData[] {
  const changed = Float64Array.from(values[i]);
  changed[at] += by;
  return values.map((data, j) => j === i ? changed : data);
}

/** Σ output · seed on the reference device, whose float64 tensors take float64 inputs as they are. */
async function weightedSum(
  values: readonly TensorData[],
  { check, device }: { check: OpCheck; device: Device },
): Promise<number> {
  using _step = scope();
  const outputs = listOf(check.run(values.map((data, i) => tensor(device, data, check.inputs[i].shape))));
  const floats = outputs.filter(({ dtype }) => dtype === "f32");
  const data = await Promise.all(floats.map((output) => output.data()));
  return data.reduce((sum, output, i) => {
    const seed = seedFor(i, output.length);
    let total = sum;
    for (let j = 0; j < output.length; j++) total += output[j] * seed[j];
    return total;
  }, 0);
}

/** All indices of a small array; evenly spread ones, with odd strides, of a large one. */
function sampled(length: number): number[] {
  if (length <= DIFFERENCED) return Array.from({ length }, (_, at) => at);
  return Array.from({ length: DIFFERENCED }, (_, k) => Math.floor((k + 0.37) * length / DIFFERENCED));
}

function compare(
  name: string,
  { found, truth, check }: { found: Evaluation; truth: Evaluation; check: OpCheck },
): void {
  const tolerance = check.tolerance ?? FEW_ROUNDINGS;
  truth.outputs.forEach((want, i) => assertClose(`${name}: output ${i}`, found.outputs[i], { want, tolerance }));
  truth.gradients.forEach((want, i) => {
    const got = found.gradients[i];
    assertEquals(got === undefined, want === undefined, `${name}: gradient of input ${i} is there or not`);
    if (got && want) assertClose(`${name}: gradient of input ${i}`, got, { want, tolerance });
  });
}

/** Entry by entry, relative to the largest magnitude; not-a-numbers and infinities must stand in the same places. */
export function assertClose(
  name: string,
  got: ArrayLike<number>,
  { want, tolerance }: { want: ArrayLike<number>; tolerance: number },
): void {
  assertEquals(got.length, want.length, `${name}: number of elements`);
  const scale = absmax(want);
  for (let i = 0; i < want.length; i++) {
    if (!Number.isFinite(want[i])) assertEquals(got[i], want[i], `${name}[${i}]`);
    else {
      assert(
        Math.abs(got[i] - want[i]) <= tolerance * scale,
        `${name}[${i}]: expected ${want[i]} but found ${got[i]}, off by ${
          Math.abs(got[i] - want[i]) / scale
        } of the largest`,
      );
    }
  }
}

function absmax(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) largest = Math.max(largest, Math.abs(values[i]));
  }
  return largest;
}

function assertSameBits(name: string, a: Evaluation, b: Evaluation): void {
  const bits = (data: TensorData | undefined) => data && new Int32Array(data.buffer, data.byteOffset, data.length);
  a.outputs.forEach((output, i) => assertEquals(bits(b.outputs[i]), bits(output), `${name}: output ${i}`));
  a.gradients.forEach((gradient, i) => assertEquals(bits(b.gradients[i]), bits(gradient), `${name}: gradient ${i}`));
}
