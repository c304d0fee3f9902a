/**
 * `deno task goldens [--device cpu|webgpu|reference] [--only NAME]`: compares everything with the reference numbers, one
 * line per golden and case: file, case, device, and the worst error over its tolerance. The folder is `DINOGRAD_GOLDENS` or
 * the project's own copy. Exits with 1 if anything failed.
 */

import type { Device } from "../engine/device/device.ts";
import { ReferenceDevice } from "../engine/device/reference.ts";
import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { fromFileUrl } from "@std/path";
import { runGoldens } from "./helpers/goldens.ts";
import { openTestGpu } from "./helpers/webgpu.ts";

const flag = (name: string): string | undefined => {
  const at = Deno.args.findIndex((argument) => argument === name || argument.startsWith(`${name}=`));
  return at < 0 ? undefined : Deno.args[at].includes("=") ? Deno.args[at].split("=")[1] : Deno.args[at + 1];
};

async function open(kind: string): Promise<Device> {
  switch (kind) {
    case "cpu":
      return await createCpuDevice({});
    case "webgpu":
      return await openTestGpu();
    case "reference":
      return new ReferenceDevice();
    default:
      throw new RangeError(`--device: expected cpu, webgpu or reference but found "${kind}"`);
  }
}

if (import.meta.main) {
  const kind = flag("--device") ?? "cpu";
  const folder = Deno.env.get("DINOGRAD_GOLDENS") ?? fromFileUrl(new URL("goldens", import.meta.url));
  const device = await open(kind);
  let failed = 0, all = 0;
  await runGoldens(folder, device, {
    only: flag("--only"),
    onResult: ({ file, name, worst, where, seconds }) => {
      all++;
      const passed = worst <= 1;
      if (!passed) failed++;
      const numbers = `${worst.toFixed(4).padStart(9)} ${passed ? "ok  " : "FAIL"} ${seconds.toFixed(1).padStart(5)} s`;
      console.log(`${file.padEnd(14)} ${name.padEnd(38)} ${kind} ${numbers}  ${where}`);
    },
  });
  console.log(`${all - failed} of ${all} cases passed on ${kind}`);
  await device.destroy();
  Deno.exit(failed === 0 && all > 0 ? 0 : 1);
}
