/**
 * Configurations by name. Each is written as its difference from the one it grows out of; the official 4-scale R50
 * configuration is the root, and its values are the defaults of the schema.
 */
import type { DinoConfig } from "./dino_config.ts";
import { CONFIG_KEYS, configKeys } from "./schema.ts";
import { configObject } from "./values.ts";

/** All defaults: the official `DINO_4scale`. */
export function defaultConfig(): DinoConfig {
  const defaults = configObject(configKeys().map((key) => [key, CONFIG_KEYS[key].default] as const));
  // Each default has its key's type by the declaration of CONFIG_KEYS, which the mapping above cannot express.
  return { ...defaults } as unknown as DinoConfig;
}

function derive(base: DinoConfig, changes: Partial<DinoConfig>): DinoConfig {
  return { ...base, ...changes };
}

/** Six ranks of playing cards at 160 x 160, learned from scratch within an hour on two cores. */
const CARDS: Partial<DinoConfig> = {
  num_classes: 7,
  dn_labelbook_size: 7,
  backbone: "resnet_small",
  norm: "group_norm",
  hidden_dim: 128,
  dim_feedforward: 256,
  enc_layers: 2,
  dec_layers: 2,
  num_queries: 60,
  num_select: 30,
  num_feature_levels: 3,
  dn_number: 50,
  lr: 3e-4,
  lr_backbone: 3e-4,
  batch_size: 4,
  epochs: 8,
  warmup_steps: 200,
  lr_drop_fraction: 0.83,
  augmentation: "cards",
  data_aug_scales: [160],
  data_aug_max_size: 320,
};

/** The name of a preset. The first four are the official configurations. */
export type PresetName = "DINO_4scale" | "DINO_5scale" | "DINO_4scale_swin" | "DINO_4scale_convnext" | "cards";

const BUILDERS: Readonly<Record<PresetName, () => DinoConfig>> = {
  DINO_4scale: defaultConfig,
  DINO_5scale: () =>
    derive(defaultConfig(), { batch_size: 1, return_interm_indices: [0, 1, 2, 3], num_feature_levels: 5 }),
  DINO_4scale_swin: () => derive(defaultConfig(), { backbone: "swin_L_384_22k", use_checkpoint: true }),
  DINO_4scale_convnext: () => derive(defaultConfig(), { backbone: "convnext_xlarge_22k" }),
  cards: () => derive(defaultConfig(), CARDS),
};

/** What `preset` knows: `DINO_4scale`, `cards`, …. */
export const PRESET_NAMES = Object.keys(BUILDERS) as readonly PresetName[]; // the record has exactly these keys

/** The preset of that name. */
export function preset(name: PresetName): DinoConfig;
/** The preset of that name, or undefined where there is none. */
export function preset(name: string): DinoConfig | undefined;
/** The preset of that name, or undefined. */
export function preset(name: string): DinoConfig | undefined {
  return PRESET_NAMES.includes(name as PresetName) ? BUILDERS[name as PresetName]() : undefined;
}
