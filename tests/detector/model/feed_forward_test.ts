import { assert, assertEquals } from "@std/assert";
import { withoutGradient } from "../../../engine/autograd.ts";
import { Dropout } from "../../../engine/nn/dropout.ts";
import { Linear } from "../../../engine/nn/linear.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scope } from "../../../engine/scope.ts";
import { type Tensor, tensor } from "../../../engine/tensor.ts";
import { feedForward } from "../../../detector/model/encoder.ts";
import { deviceTest } from "../../helpers/devices.ts";

deviceTest(
  "a feed-forward over parts of many tokens gives the whole's bits in less memory",
  async ({ cpu: [, cpu], webgpu }) => {
    // So many inner features that only 256 of the 400 tokens are worked on at once.
    const [batch, tokens, features, inner] = [2, 200, 2, 2 ** 16];
    for (const device of webgpu ? [cpu, webgpu] : [cpu]) {
      using _ = scope();
      const random = RandomStream.named(3, "feed forward");
      const context = { device, random };
      const layers = {
        first: new Linear(context, { inFeatures: features, outFeatures: inner }),
        dropout: new Dropout(context, { probability: 0.1 }).evaluate(),
        second: new Linear(context, { inFeatures: inner, outFeatures: features }),
      };
      const values = Float32Array.from({ length: batch * tokens * features }, () => random.uniform() - 0.5);
      const x = tensor(device, values, [batch, tokens, features]);
      const bytesOf = async (run: () => Tensor) => {
        device.resetPeak();
        const before = device.memory.used;
        const y = run();
        assertEquals(y.shape, x.shape);
        return { values: await y.data(), bytes: device.memory.peak - before };
      };
      const whole = await bytesOf(() => feedForward(x, layers, "relu")); // recorded, so that it is not cut
      const parts = await bytesOf(() => withoutGradient(() => feedForward(x, layers, "relu")));
      assertEquals(parts.values, whole.values);
      assert(parts.bytes < 0.8 * whole.bytes, `expected less than ${whole.bytes} bytes but found ${parts.bytes}`);
      for (const layer of Object.values(layers)) layer.dispose();
    }
  },
);
