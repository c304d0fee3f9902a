/**
 * `bench`: what this machine can do and what share of it the engine gets: matrix product, convolution, deformable
 * attention, and one image through a model. The tables that the project keeps are made by the files in `bench/`.
 */
import type { Command } from "commander";
import { withCleanup } from "../engine/cleanup.ts";
import { DinogradError } from "../engine/errors.ts";
import type { DinoConfig } from "../detector/config/mod.ts";
import {
  addComputeFlags,
  addConfigFlags,
  type ComputeFlags,
  computeOptions,
  type ConfigFlags,
} from "./shared/command.ts";
import type { Verb } from "./shared/command.ts";
import { chooseConfig } from "./shared/config_choice.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";

interface BenchFlags extends ComputeFlags, ConfigFlags {
  readonly image_size?: string;
  readonly json?: true;
}

interface Line {
  readonly name: string;
  readonly milliseconds: number;
  readonly gflops: number;
  /** Of the peak of multiply-adds; null on a GPU, whose peak is not measured. */
  readonly share: number | null;
}

export const benchVerb: Verb<BenchFlags> = {
  keepsBusy: true,

  define(command: Command): void {
    command
      .option("--image_size <WxH>", "size of the image (default: the configuration's smallest, or 640x480)")
      .option("--json", "print the figures as JSON");
    addConfigFlags(command);
    addComputeFlags(command);
  },

  async run({ flags, terminal }): Promise<void> {
    const preset = flags.config_file ?? "cards";
    const { config } = await chooseConfig({ ...flags, config_file: preset }, terminal);
    if (!config) throw new DinogradError("config", `bench: expected a configuration but found none in ${preset}`);
    const size = imageSize(flags.image_size, config);
    const [{ openDevice }, { measureKernels }, { measureInference }, { measurePeak }] = await Promise.all([
      import("../engine/device/open.ts"),
      import("./measure/operations.ts"),
      import("./measure/model.ts"),
      import("../engine/profile/peak.ts"),
    ]);
    const device = await openDevice(computeOptions(flags));
    await withCleanup(async () => {
      const peak = device.kind === "cpu" ? await measurePeak(flags.threads) : null;
      const share = (gflops: number) => peak === null ? null : gflops / peak;
      const lines = (await measureKernels(device)).map(({ name, seconds, flops }): Line => {
        const gflops = flops / seconds / 1e9;
        return { name, milliseconds: seconds * 1000, gflops, share: share(gflops) };
      });
      const { best, flops, peakBytes } = await measureInference(device, config, { batch: 1, ...size, repeats: 3 });
      const gflops = flops / best / 1e9;
      const name = `${preset}, one image of ${size.width}x${size.height}`;
      lines.push({ name, milliseconds: best * 1000, gflops, share: share(gflops) });
      const machine = {
        system:
          `${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}`,
        device: device.description,
        peak_gflops: peak,
      };
      if (flags.json) return terminal.json({ ...machine, results: lines, peak_bytes: peakBytes });
      terminal.say(machine.system);
      terminal.say(`device: ${machine.device}${peak === null ? "" : `, peak ${peak.toFixed(0)} GFLOP/s`}`);
      terminal.table(
        ["", "ms", "GFLOP/s", ...(peak === null ? [] : ["of peak"])],
        lines.map((line) => [
          line.name,
          line.milliseconds.toFixed(2),
          line.gflops.toFixed(1),
          ...(line.share === null ? [] : [`${(100 * line.share).toFixed(0)} %`]),
        ]),
      );
      terminal.say(`${(1 / best).toFixed(1)} images/s, at most ${formatBytes(peakBytes)} in tensors`);
    }, () => device.destroy());
  },
};

function imageSize(text: string | undefined, config: DinoConfig): { readonly width: number; readonly height: number } {
  if (text === undefined) {
    const side = Math.min(...config.data_aug_scales);
    return config.augmentation === "cards" ? { width: side, height: side } : { width: 640, height: 480 };
  }
  const [, width, height] = /^(\d{2,5})x(\d{2,5})$/.exec(text) ?? [];
  if (width === undefined) {
    throw new DinogradError("usage", `bench: expected --image_size like 640x480 but found ${text}`);
  }
  return { width: Number(width), height: Number(height) };
}
