import { assertEquals } from "@std/assert";
import { createCpuDevice, scope, tensor, zeros } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { histogram } = await exercise<typeof import("./03-histogram.ts")>("03-histogram");

for (const threads of [1, 2]) {
  Deno.test(`every element is counted once, with ${threads} thread${threads > 1 ? "s" : ""}`, async () => {
    const device = await createCpuDevice({ threads });
    {
      using _ = scope();
      const bins = Int32Array.from({ length: 10_000 }, (_, at) => at * at % 7);
      const expected = Array.from({ length: 7 }, (_, bin) => bins.filter((each) => each === bin).length);
      const counts = zeros(device, [7]).fill(3);
      histogram(tensor(device, bins), counts);
      assertEquals([...await counts.data()], expected);
    }
    await device.destroy();
  });
}
