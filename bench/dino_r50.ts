/**
 * The official model as a whole: DINO 4-scale with ResNet-50, one image of 640x480 and one training step on two of
 * 320x256, as time, images per second, and multiples of what the arithmetic alone would take at the machine's own peak.
 *
 * `deno run -A bench/dino_r50.ts [--quick] [--threads n] [--size WxH]`; `--size` adds a forward pass at that size.
 */

import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { measurePeak } from "../engine/profile/peak.ts";
import { preset } from "../detector/config/mod.ts";
import { measureInference, type Measurement, measureTraining } from "../commands/measure/model.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";
import { flagValue, residentPeak } from "./options.ts";
import { say, show } from "./report.ts";

/** Measures and tells. */
export async function run(): Promise<void> {
  const config = preset("DINO_4scale")!; // the name is one of the presets'
  const quick = Deno.args.includes("--quick");
  const repeats = quick ? 1 : 3;
  const threads = Number(flagValue("--threads") ?? navigator.hardwareConcurrency);
  const size = flagValue("--size")?.split("x").map(Number);

  const rows: string[][] = [];

  async function measured(name: string, images: number, run: () => Promise<Measurement>): Promise<void> {
    const before = await measurePeak(threads);
    const { best, flops, peakBytes } = await run();
    const peak = Math.max(before, await measurePeak(threads));
    rows.push([
      name,
      best.toFixed(2),
      (images / best).toFixed(3),
      (flops / 1e9).toFixed(0),
      (flops / best / 1e9).toFixed(1),
      (best * peak * 1e9 / flops).toFixed(2),
      formatBytes(peakBytes),
      formatBytes(residentPeak()),
    ]);
  }

  const device = await createCpuDevice({ threads });
  say(`${device.description}, fastest of ${repeats}`);
  const forward = (width: number, height: number) =>
    measured(
      `forward ${width}x${height}`,
      1,
      () => measureInference(device, config, { batch: 1, width, height, repeats }),
    );
  await forward(640, 480);
  if (size) await forward(size[0], size[1]);
  const step = { batch: 2, width: 320, height: 256, repeats };
  await measured("training step 2 x 320x256", 2, () => measureTraining(device, config, step));
  const headings = ["", "s", "images/s", "GFLOP", "GFLOP/s", "x ideal", "tensors", "process so far"];
  show(headings, rows);
  await device.destroy();
}

if (import.meta.main) await run();
