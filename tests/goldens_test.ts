import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { Device } from "../engine/device/device.ts";
import { deviceTest } from "./helpers/devices.ts";
import { runGoldens } from "./helpers/goldens.ts";

const folder = Deno.env.get("DINOGRAD_GOLDENS") || fromFileUrl(new URL("goldens", import.meta.url));

/** `deno task goldens` runs all, on either device; those of official size and the backbones' take minutes. */
const ON_CPU = [
  "modules",
  "msda",
  "cdn",
  "criterion",
  "postprocess",
  "full_tiny",
  "full_opts",
  "train_",
  "formula_check",
];
const ON_WEBGPU = ["modules", "msda", "cdn", "criterion", "postprocess"];

async function check(device: Device | undefined, only: string): Promise<void> {
  if (!device) return; // which `helpers/devices.ts` says aloud, or forbids
  const results = await runGoldens(folder, device, { only });
  assert(results.length > 0, `expected cases in ${only}`);
  const failed = results.filter(({ worst }) => !(worst <= 1));
  assertEquals(failed.map(({ file, name, where, worst }) => `${file} ${name}: ${where} ${worst}`), []);
}

for (const only of ON_CPU) {
  deviceTest(
    `the numbers of ${only} are the official model's on the CPU`,
    ({ cpu: [, device] }) => check(device, only),
  );
}
for (const only of ON_WEBGPU) {
  deviceTest(`the numbers of ${only} are the official model's on WebGPU`, ({ webgpu }) => check(webgpu, only));
}
