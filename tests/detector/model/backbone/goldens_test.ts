import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { type BackboneCase, runBackboneCase } from "../../../helpers/backbone_goldens.ts";
import { deviceTest } from "../../../helpers/devices.ts";

/** These goldens are the project's own; another set of goldens does not have them. */
const folder = fromFileUrl(new URL("../../../goldens", import.meta.url));

for (const name of ["swin", "convnext"]) {
  deviceTest(`names, features and gradients of ${name} are the official ones on all devices`, async (devices) => {
    const { cpu: [, cpu], webgpu } = devices;
    const golden: { cases: (BackboneCase & { id: string })[] } = JSON.parse(
      await Deno.readTextFile(`${folder}/${name}.json`),
    );
    assert(golden.cases.some(({ kind }) => kind === name), `expected cases in ${name}`);
    for (const one of golden.cases) {
      // Names do not depend on a device.
      for (const device of webgpu && one.kind !== "state" ? [cpu, webgpu] : [cpu]) {
        const { ratio, where } = await runBackboneCase(one, device);
        assert(ratio <= 1, `${one.id} on ${device.kind}: ${where} is off by ${ratio} tolerances`);
      }
    }
    assertEquals(new Set(golden.cases.map(({ id }) => id)).size, golden.cases.length);
  });
}
