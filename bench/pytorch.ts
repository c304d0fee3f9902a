/**
 * The engine beside PyTorch: the same operations on the same number of threads, one after the other on the same machine.
 * `deno run -A bench/pytorch.ts [--quick] [--threads n]`; needs a python3 that has PyTorch.
 */

import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { fastest } from "../engine/profile/peak.ts";
import { withoutGradient } from "../engine/autograd.ts";
import { conv2d } from "../engine/ops/conv.ts";
import { deformableAttention } from "../engine/ops/deformable_attention.ts";
import { layerNorm } from "../engine/ops/normalize.ts";
import { RandomStream } from "../engine/random.ts";
import { scope } from "../engine/scope.ts";
import type { Shape } from "../engine/shape.ts";
import { sizeOf } from "../engine/shape.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { flagValue } from "./options.ts";
import { runPython } from "./python.ts";

interface Reference {
  readonly version: string;
  /** Milliseconds by name. */
  readonly results: Readonly<Record<string, number>>;
}
import { say, show } from "./report.ts";

/** Measures and tells. */
export async function run(): Promise<void> {
  const threads = Number(flagValue("--threads") ?? navigator.hardwareConcurrency);
  const seconds = Deno.args.includes("--quick") ? 0.3 : 1;
  const script = new URL("./pytorch_reference.py", import.meta.url).pathname;
  // The script beside this file prints exactly this.
  const python = await runPython([script, String(threads), String(seconds)]) as Reference | null;
  if (python === null) {
    say("left out: expected a python3 that has PyTorch but found none");
    return;
  }

  const device = await createCpuDevice({ threads });
  const random = RandomStream.named(0, "bench");
  const filled = (shape: Shape) => tensor(device, random.uniforms(new Float32Array(sizeOf(shape))), shape);
  const rows: string[][] = [];

  function compare(name: string, run: () => Tensor, leaves: readonly Tensor[] = []): void {
    const once = () => {
      using _ = scope();
      if (leaves.length === 0) return void withoutGradient(run);
      for (const leaf of leaves) leaf.requiresGrad = true;
      run().sum().backward();
      for (const leaf of leaves) {
        leaf.grad?.dispose();
        leaf.grad = undefined;
        leaf.requiresGrad = false;
      }
    };
    fastest(once, seconds * 1000); // until the optimized code is in use
    const own = fastest(once, seconds * 1000);
    const other = python!.results[name]; // checked above
    rows.push([name, own.toFixed(2), other.toFixed(2), (other / own).toFixed(2)]);
  }

  {
    using _ = scope();
    const [a, b] = [filled([1024, 1024]), filled([1024, 1024])];
    compare("matrix product 1024", () => a.matmul(b));
    const [x, weight] = [filled([1, 256, 60, 80]), filled([256, 256, 3, 3])];
    compare("convolution 3x3 on 60x80", () => conv2d(x, { weight }, { padding: 1 }));
    const many = filled([10000, 256]);
    compare("softmax of 10000 x 256", () => many.softmax());
    const parameters = { weight: filled([256]), bias: filled([256]) };
    compare("layer norm of 10000 x 256", () => layerNorm(many, parameters));
  }
  const encoders = [
    { name: "cards", batch: 8, channels: 16, spatialShapes: [[20, 20], [10, 10], [5, 5]] },
    { name: "R50", batch: 1, channels: 32, spatialShapes: [[60, 80], [30, 40], [15, 20], [8, 10]] },
  ] as const;
  for (const { name, batch, channels, spatialShapes } of encoders) {
    using _ = scope();
    const tokens = spatialShapes.reduce((sum, [height, width]) => sum + height * width, 0);
    const points = [batch, tokens, 8, spatialShapes.length, 4] as const;
    const value = filled([batch, tokens, 8, channels]);
    const [samplingLocations, attentionWeights] = [filled([...points, 2]), filled(points)];
    const run = () => deformableAttention(value, { samplingLocations, attentionWeights }, { spatialShapes });
    compare(`deformable attention, ${name} encoder`, run);
    const leaves = [value, samplingLocations, attentionWeights];
    compare(`deformable attention and gradients, ${name} encoder`, run, leaves);
  }
  say(`${device.description}; PyTorch ${python.version} on as many threads; fastest times`);
  show(["", "ms", "PyTorch ms", "times as fast"], rows);
  await device.destroy();
}

if (import.meta.main) await run();
