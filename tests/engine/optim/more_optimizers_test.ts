/** RMSprop and Adagrad against PyTorch's numbers, Lion against its formulas, and the cosine schedule. */
import { assertEquals } from "@std/assert";
import { Parameter } from "../../../engine/parameter.ts";
import { Adagrad, cosineLR, Lion, type Optimizer, type ParameterGroup, RMSprop } from "../../../engine/optim/mod.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import type { Device } from "../../../engine/device/device.ts";
import { assertClose, FEW_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

const STEPS = 5;
const start = Float32Array.from({ length: 7 }, (_, i) => Math.sin(i + 1));
const gradientAt = (step: number) => Float32Array.from({ length: 7 }, (_, i) => Math.cos(3 * i + step));

type Make = (groups: readonly ParameterGroup[]) => Optimizer;
interface Run {
  readonly make: Make;
  readonly rate: number;
  readonly weightDecay: number;
}

/** The parameter after steps with the test's gradients; in the middle the optimizer is replaced by one with its state. */
async function train(device: Device, { make, rate, weightDecay }: Run): Promise<ArrayLike<number>> {
  const parameter = new Parameter({ device }, [7], start);
  const groups = [{ name: "all", parameters: [["p", parameter] as const], weightDecay }];
  let optimizer = make(groups);
  for (let step = 1; step <= STEPS; step++) {
    if (step === 3) {
      const { steps, tensors } = optimizer.state();
      const stored = await Promise.all(
        [...tensors].map(async ([name, moment]) => [name, await moment.data()] as const),
      );
      const resumed = make(groups);
      resumed.loadState({ steps, tensors: new Map(stored) });
      optimizer.dispose();
      optimizer = resumed;
    }
    using _step = scope();
    optimizer.zeroGrad();
    parameter.grad = tensor(device, gradientAt(step)).detached();
    optimizer.step({ learningRates: [rate] });
  }
  const result = await parameter.data();
  optimizer.zeroGrad();
  optimizer.dispose();
  parameter.dispose();
  return result;
}

/** Lion's two formulas in float64. */
function lionByHand(rate: number, decay: number): number[] {
  const [p, m] = [[...start], start.map(() => 0)];
  for (let step = 1; step <= STEPS; step++) {
    gradientAt(step).forEach((g, i) => {
      p[i] = p[i] * (1 - rate * decay) - rate * Math.sign(0.9 * m[i] + 0.1 * g);
      m[i] = 0.99 * m[i] + 0.01 * g;
    });
  }
  return p;
}

/** What PyTorch 1.13 has after the same steps. */
const cases: readonly (readonly [string, Run, readonly number[]])[] = [
  ["RMSprop", { make: (groups) => new RMSprop(groups, { smoothing: 0.9 }), rate: 0.01, weightDecay: 0.1 }, [
    ...[0.856387033, 0.878148279, 0.158822726, -0.765177136, -0.937879357, -0.285608295, 0.655991665],
  ]],
  ["RMSprop with momentum", { make: (groups) => new RMSprop(groups, { momentum: 0.8 }), rate: 0.01, weightDecay: 0 }, [
    ...[0.953450932, 0.844636348, 0.15247852, -0.715129364, -1.051338628, -0.138297167, 0.468347467],
  ]],
  ["Adagrad", { make: (groups) => new Adagrad(groups, { rateDecay: 0.1 }), rate: 0.05, weightDecay: 0.1 }, [
    ...[0.853045928, 0.878735659, 0.151995933, -0.753843401, -0.946897231, -0.270726567, 0.638111015],
  ]],
  ["Lion", { make: (groups) => new Lion(groups), rate: 0.01, weightDecay: 0.5 }, lionByHand(0.01, 0.5)],
];
for (const [name, run, want] of cases) {
  deviceTest(`${name} takes the steps that it should, also with its state restored in between`, async (devices) => {
    for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
      if (!device) continue;
      assertClose(device.description, await train(device, run), { want, tolerance: FEW_ROUNDINGS });
    }
  });
}

Deno.test("the cosine schedule rises, falls as PyTorch's, and stays at its least", () => {
  const schedule = cosineLR(0.1, { totalSteps: 12, warmupSteps: 4, minimum: 0.01 });
  const rates = Array.from({ length: 15 }, (_, step) => Number(schedule(step).learningRate.toFixed(12)));
  const falling = [
    ...[0.1, 0.096574578963, 0.086819805153, 0.072220754456, 0.055],
    ...[0.037779245544, 0.023180194847, 0.013425421037, 0.01],
  ];
  assertEquals(rates, [0.025, 0.05, 0.075, 0.1, ...falling, 0.01, 0.01]);
  assertEquals(cosineLR(0.5, { totalSteps: 0 })(0).learningRate, 0.5);
});
