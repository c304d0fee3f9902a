import { assertEquals } from "@std/assert";
import { buildBackbone } from "../../../../detector/model/backbone/build.ts";
import { withoutGradient } from "../../../../engine/autograd.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { scope } from "../../../../engine/scope.ts";
import { tensor } from "../../../../engine/tensor.ts";
import { deviceTest } from "../../../helpers/devices.ts";
import { TINY_CONVNEXT, TINY_SWIN, tinyBackboneOptions } from "../../../helpers/tiny_backbone.ts";

for (const architecture of [TINY_SWIN, TINY_CONVNEXT]) {
  deviceTest(
    `a pass through a ${architecture.kind} leaves nothing in memory but its parameters`,
    ({ cpu: [, device] }) => {
      const context = { device, random: RandomStream.named(0, "weights") };
      const before = device.memory.used;
      const backbone = buildBackbone(context, tinyBackboneOptions({ architecture })).evaluate();
      const { used } = device.memory;
      {
        using _ = scope();
        withoutGradient(() => backbone.forward(tensor(device, new Float32Array(3 * 50 * 41), [1, 3, 50, 41])));
      }
      assertEquals(device.memory.used, used);
      backbone.dispose();
      assertEquals(device.memory.used, before);
    },
  );
}
