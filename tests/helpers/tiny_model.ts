/** A model that is small enough to run many times in a test, and checkpoints of it. */
import { writeBundle, writeSafetensors } from "../../checkpoint/mod.ts";
import { defaultConfig, type DinoConfig, preset, resolveConfig } from "../../detector/config/mod.ts";
import { snapshot } from "../../detector/train/records/bundle_state.ts";
import { TrainingSession } from "../../detector/train/session.ts";
import type { Device } from "../../engine/device/device.ts";
import { onCpu } from "./on_cpu.ts";

/** The smallest model of the preset `cards`' kind: classes 0 to 3, of which 1 to 3 are in use. */
export function tinyConfig(changes: Partial<DinoConfig> = {}): DinoConfig {
  const given = {
    hidden_dim: 32,
    nheads: 4,
    dim_feedforward: 32,
    enc_layers: 1,
    num_queries: 10,
    num_select: 12,
    num_classes: 4,
    dn_labelbook_size: 4,
    backbone_stem_width: 8,
    backbone_widths: [8, 8, 16, 16],
    norm_group_channels: 8,
    data_aug_scales: [64],
    data_aug_max_size: 128,
    use_ema: true,
    ...changes,
  };
  return resolveConfig(given, { base: preset("cards") ?? defaultConfig() }).config;
}

export const TINY_CLASSES = [{ id: 1, name: "one" }, { id: 2, name: "two" }, { id: 3, name: "three" }];

export interface TinySessionOptions {
  readonly config?: DinoConfig;
  readonly seed?: number;
  readonly classes?: typeof TINY_CLASSES;
}

/** A training session of the tiny model before its first step; its average differs from its weights. Dispose of it. */
export function tinySession(
  device: Device,
  { config = tinyConfig(), seed = 5, classes = TINY_CLASSES }: TinySessionOptions = {},
): TrainingSession {
  const session = new TrainingSession({ device, config, seed, stepsPerEpoch: 10, classes, freeze: [] });
  session.ema?.average.classEmbed[0].bias?.fill(0.25);
  return session;
}

/** Writes a tiny model: as a training bundle, or its weights and nothing else where the path ends in `.safetensors`. */
export async function writeTinyModel(path: string, options: TinySessionOptions = {}): Promise<void> {
  await onCpu(async (device) => {
    const session = tinySession(device, options);
    if (path.endsWith(".safetensors")) {
      const stored = await snapshot([["model", session.model.stateDict()]]);
      await writeSafetensors(path, new Map([...stored].map(([name, tensor]) => [name.slice("model/".length), tensor])));
    } else await writeBundle(path, await session.capture({}), { compress: false });
    session.dispose();
  });
}
