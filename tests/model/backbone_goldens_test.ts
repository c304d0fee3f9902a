import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { deviceTest } from "../helpers/devices.ts";
import { runGoldens } from "../helpers/goldens.ts";

/** These goldens are the project's own; another set of goldens does not have them. */
const folder = fromFileUrl(new URL("../goldens", import.meta.url));

for (const only of ["swin", "convnext"]) {
  deviceTest(
    `names, features and gradients of ${only} are the official ones on the CPU and on WebGPU`,
    async (devices) => {
      const { cpu: [, cpu], webgpu } = devices;
      for (const device of webgpu ? [cpu, webgpu] : [cpu]) {
        const results = await runGoldens(folder, device, { only });
        assert(results.length > 0, `expected cases in ${only}`);
        const failed = results.filter(({ worst }) => !(worst <= 1));
        assertEquals(failed.map(({ name, where, worst }) => `${device.kind} ${name}: ${where} ${worst}`), []);
      }
    },
  );
}
