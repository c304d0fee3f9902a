import { assertEquals } from "@std/assert";
import { constantOf, forgetConstants } from "../../engine/constants.ts";
import { createCpuDevice } from "../../engine/device/wasm/device.ts";
import { scope } from "../../engine/scope.ts";
import { tensor, zeros } from "../../engine/tensor.ts";

Deno.test("a constant is made once per device and key, outlives scopes, and is forgotten on request", async () => {
  const [device, other] = [await createCpuDevice({ threads: 1 }), await createCpuDevice({ threads: 1 })];
  let made = 0;
  const ask = async (where: typeof device, key: string) => {
    using _ = scope();
    return await constantOf(where, key, () => tensor(where, [++made, 5])).data();
  };
  assertEquals([...await ask(device, "a")], [1, 5]);
  assertEquals([...await ask(device, "a")], [1, 5]);
  assertEquals([...await ask(device, "b")], [2, 5]);
  assertEquals([...await ask(other, "a")], [3, 5]);
  assertEquals(device.memory.used, 16);
  forgetConstants(device);
  assertEquals(device.memory.used, 0);
  assertEquals([...await ask(device, "a")], [4, 5]);
  await device.destroy();
  await other.destroy();
});

Deno.test("of many constants those stay that were asked for last, and one in use lives on", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const million = 1 << 20;
  using all = scope();
  const first = constantOf(device, "0", () => zeros(device, [million]).fill(7));
  for (let i = 1; i <= 10; i++) {
    using _ = scope();
    constantOf(device, `${i}`, () => zeros(device, [million]));
    if (i === 4) constantOf(device, "1", () => zeros(device, [million])); // the second is asked for again
  }
  // Eight are kept, and the first, which its scope still holds.
  assertEquals(device.memory.used, 9 * 4 * million);
  assertEquals((await first.data())[million - 1], 7);
  let again = 0;
  constantOf(device, "2", () => zeros(device, [million]).fill(++again));
  constantOf(device, "1", () => zeros(device, [million]).fill(++again));
  assertEquals(again, 1, "only the third was gone");
  assertEquals(all.size > 0, true);
  all[Symbol.dispose]();
  forgetConstants(device);
  assertEquals(device.memory.used, 0);
  await device.destroy();
});
