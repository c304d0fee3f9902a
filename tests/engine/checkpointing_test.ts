import { assertEquals } from "@std/assert";
import { gradientCheckpoint } from "../../engine/checkpointing.ts";
import { Linear } from "../../engine/nn/linear.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import { deviceTest } from "../helpers/devices.ts";

deviceTest(
  "gradients through a checkpoint are those without one, bit for bit, with less memory at the turn",
  async (devices) => {
    for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
      if (!device) continue;
      const context = { device, random: RandomStream.named(1, "layers") };
      const layers = Array.from({ length: 4 }, () => new Linear(context, { inFeatures: 32, outFeatures: 32 }));
      const run = async (checkpointed: boolean, inputNeedsGradient: boolean) => {
        using _step = scope();
        const x = tensor(device, Float32Array.from({ length: 320 }, (_, i) => Math.sin(i)), [10, 32]);
        x.requiresGrad = inputNeedsGradient;
        const pass = ([input]: readonly (typeof x)[]) => layers.reduce((y, layer) => layer.forward(y).gelu(), input);
        const y = checkpointed ? gradientCheckpoint(pass, [x]) : pass([x]);
        const atTurn = device.memory.used;
        y.square().sum().backward();
        const gradients: number[][] = [];
        for (const leaf of [x, ...layers.flatMap(({ weight, bias }) => [weight, bias])]) {
          if (leaf?.grad) gradients.push([...await leaf.grad.data()]);
          leaf?.grad?.dispose();
          if (leaf) leaf.grad = undefined;
        }
        return { gradients, atTurn };
      };
      const before = device.memory.used;
      for (const inputNeedsGradient of [true, false]) {
        const plain = await run(false, inputNeedsGradient);
        const checkpointed = await run(true, inputNeedsGradient);
        assertEquals(plain.gradients.length, inputNeedsGradient ? 9 : 8);
        assertEquals(checkpointed.gradients, plain.gradients, device.description);
        assertEquals(checkpointed.atTurn < plain.atTurn, true, device.description);
      }
      assertEquals(device.memory.used, before);
      layers.forEach((layer) => layer.dispose());
    }
  },
);

deviceTest("a checkpoint around a function that returns its input passes the gradient on", async ({ reference }) => {
  using _step = scope();
  const x = tensor(reference, [1, 2]);
  x.requiresGrad = true;
  gradientCheckpoint(([same]) => same, [x]).square().sum().backward();
  assertEquals([...await x.grad!.data()], [2, 4]);
});
