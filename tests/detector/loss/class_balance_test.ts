/** Class-balanced weights, and the focal loss with them. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { classBalancedWeights } from "../../../detector/loss/class_balance.ts";
import { focalLossSum } from "../../../detector/loss/focal.ts";
import type { Device } from "../../../engine/device/device.ts";
import { tensor } from "../../../engine/tensor.ts";
import { checkOp } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

Deno.test("weights are one over the effective number of objects, their mean over objects is 1", () => {
  const counts = [0, 1000, 100, 10];
  const weights = classBalancedWeights(counts, 0.99);
  const effective = counts.map((n) => (1 - 0.99 ** n) / 0.01);
  for (const [a, b] of [[1, 2], [2, 3]]) assertAlmostEquals(weights[a] / weights[b], effective[b] / effective[a], 1e-6);
  assertAlmostEquals(counts.reduce((sum, n, label) => sum + n * weights[label], 0) / 1110, 1, 1e-6);
  assertEquals(weights[0], 1);
  assertEquals([...classBalancedWeights(counts, 0)], [1, 1, 1, 1]);
  const nearly = classBalancedWeights(counts, 0.9999999);
  assertAlmostEquals(nearly[3] / nearly[1], 100, 0.01); // inversely to the numbers
  assertEquals([...classBalancedWeights([0, 0], 0.9)], [1, 1]);
});

const TARGETS = [1, 3, 0, 2, 3, 3]; // three of six queries have no object

checkOp("the weighted focal loss has the gradient of its value", {
  inputs: [{ shape: [2, 3, 3], low: -3, high: 3 }],
  run: ([logits]) => focalLossSum(logits, operandsOf(logits.device, [2, 0.5, 1.5]), { alpha: 0.25 }),
});

function operandsOf(device: Device, weights: readonly number[]) {
  return {
    target: tensor(device, Float32Array.from(TARGETS), [2, 3, 1]),
    classes: tensor(device, Float32Array.of(0, 1, 2), [3]),
    weights: tensor(device, Float32Array.from(weights), [3]),
  };
}

deviceTest(
  "a weight multiplies what the objects of its class lose as that class, and nothing else",
  async ({ cpu: [cpu] }) => {
    const values = Float32Array.from({ length: 18 }, (_, at) => Math.sin(at * 1.7) * 3);
    const logits = tensor(cpu, values, [2, 3, 3]);
    const loss = async (weights: readonly number[]) => {
      const [value] = await focalLossSum(logits, operandsOf(cpu, weights), { alpha: 0.25 }).data();
      return value;
    };
    const { target, classes } = operandsOf(cpu, [1, 1, 1]);
    const [plain] = await focalLossSum(logits, { target, classes }, { alpha: 0.25 }).data();
    assertEquals(await loss([1, 1, 1]), plain);
    const part = (at: number) => {
      const p = 1 / (1 + Math.exp(-values[at]));
      return -0.25 * (1 - p) ** 2 * Math.log(p);
    };
    // Query 0 has class 1, query 2 class 0, query 3 class 2: each has three logits.
    const parts = { 1: part(1), 0: part(6), 2: part(11) };
    for (const label of [0, 1, 2] as const) {
      const weights = [1, 1, 1];
      weights[label] = 3;
      assertAlmostEquals(await loss(weights) - plain, 2 * parts[label], 1e-5);
    }
    assert(plain > 0);
  },
);
