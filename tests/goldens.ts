/**
 * `deno task goldens [--device cpu|webgpu|reference] [--only NAME]`: compares everything with the reference numbers, one
 * line per golden and case: file, case, device, and the worst error over its tolerance. The folder is `DINOGRAD_GOLDENS` or
 * the project's own copy. Exits with 1 if anything failed or nothing was found, with 2 if it was called wrongly.
 */

import type { Device } from "../engine/device/device.ts";
import { ReferenceDevice } from "../engine/device/reference.ts";
import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { fromFileUrl } from "@std/path";
import { parseArgs } from "node:util";
import { runGoldens } from "./helpers/goldens.ts";
import { openTestGpu } from "./helpers/webgpu.ts";

const DEVICES: Readonly<Record<string, () => Promise<Device>>> = {
  cpu: () => createCpuDevice({}),
  webgpu: () => openTestGpu(),
  reference: () => Promise.resolve(new ReferenceDevice()),
};

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { device: kind, only } = parseArgs({
    args: [...args],
    options: { device: { type: "string", default: "cpu" }, only: { type: "string" } },
  }).values;
  if (!(kind in DEVICES)) throw new TypeError(`--device: expected cpu, webgpu or reference but found "${kind}"`);
  const folder = Deno.env.get("DINOGRAD_GOLDENS") || fromFileUrl(new URL("goldens", import.meta.url));
  const device = await DEVICES[kind]();
  let failed = 0, all = 0;
  try {
    await runGoldens(folder, device, {
      only,
      onResult: ({ file, name, worst, where, seconds }) => {
        all++;
        const passed = worst <= 1;
        if (!passed) failed++;
        const numbers = `${worst.toFixed(4).padStart(9)} ${passed ? "ok  " : "FAIL"} ${
          seconds.toFixed(1).padStart(5)
        } s`;
        console.log(`${file.padEnd(14)} ${name.padEnd(38)} ${kind} ${numbers}  ${where}`);
      },
    });
  } finally {
    await device.destroy();
  }
  if (all === 0) console.log(`no goldens in ${folder}${only ? ` whose name contains "${only}"` : ""}`);
  console.log(`${all - failed} of ${all} cases passed on ${kind}`);
  return failed === 0 && all > 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`goldens: ${error instanceof Error ? error.message : error}`);
    Deno.exit(error instanceof TypeError ? 2 : 1);
  }
}
