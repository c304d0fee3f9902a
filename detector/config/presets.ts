/**
 * Configurations by name. Each is written as its difference from the one it grows out of; the official 4-scale R50
 * configuration is the root, and its values are the defaults of the schema.
 */
import type { DinoConfig } from "./dino_config.ts";
import { CONFIG_KEYS, configKeys } from "./schema.ts";
import { configObject } from "./values.ts";

/**
 * All defaults: the official `DINO_4scale`.
 *
 * @category Configuration
 */
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

/**
 * A few hundred pictures of anything, from random weights, on a CPU: the model of `cards` with more queries, at larger and
 * mixed sizes, long enough for so few pictures, with changes of colour and scale that hardly any objects mind.
 */
const SMALL: Partial<DinoConfig> = {
  ...CARDS,
  num_classes: 91,
  dn_labelbook_size: 91,
  num_queries: 100,
  num_select: 50,
  epochs: 40,
  warmup_steps: 100,
  lr_drop_fraction: 0.8,
  augmentation: "coco",
  data_aug_scales: [160, 176, 192, 208, 224],
  data_aug_max_size: 352,
  data_aug_scales2_resize: [192, 224, 256],
  data_aug_scales2_crop: [144, 224],
  aug_scale_jitter: [0.7, 1.2],
  aug_brightness: 0.2,
  aug_contrast: 0.2,
  aug_saturation: 0.2,
  aug_hue: 0.02,
};

/** The official model on few pictures, from official weights: smaller images, more epochs, a fall where most is learned. */
const FINETUNE: Partial<DinoConfig> = {
  epochs: 30,
  warmup_steps: 100,
  lr_drop_fraction: 0.8,
  use_checkpoint: true,
  data_aug_scales: [384, 416, 448, 480, 512],
  data_aug_max_size: 853,
  data_aug_scales2_resize: [400, 500, 600],
  data_aug_scales2_crop: [320, 512],
  aug_brightness: 0.2,
  aug_contrast: 0.2,
  aug_saturation: 0.2,
  aug_hue: 0.02,
};

/**
 * The name of a preset. The first four are the official configurations.
 *
 * @category Configuration
 */
export type PresetName =
  | "DINO_4scale"
  | "DINO_5scale"
  | "DINO_4scale_swin"
  | "DINO_4scale_convnext"
  | "DINO_4scale_finetune"
  | "small"
  | "cards";

interface Preset {
  readonly about: string;
  build(): DinoConfig;
}

const PRESETS: Readonly<Record<PresetName, Preset>> = {
  DINO_4scale: { about: "the official ResNet-50 model, for COCO", build: defaultConfig },
  DINO_5scale: {
    about: "the official one with a finer level, for small objects",
    build: () => derive(defaultConfig(), { batch_size: 1, return_interm_indices: [0, 1, 2, 3], num_feature_levels: 5 }),
  },
  DINO_4scale_swin: {
    about: "the official one with a Swin-L backbone",
    build: () => derive(defaultConfig(), { backbone: "swin_L_384_22k", use_checkpoint: true }),
  },
  DINO_4scale_convnext: {
    about: "the official one with a ConvNeXt-XL backbone",
    build: () => derive(defaultConfig(), { backbone: "convnext_xlarge_22k" }),
  },
  DINO_4scale_finetune: {
    about: "own data, some hundred pictures or more, from official DINO_4scale weights, on a GPU",
    build: () => derive(defaultConfig(), FINETUNE),
  },
  small: {
    about: "own data, some hundred pictures, from random weights, on a CPU",
    build: () => derive(defaultConfig(), SMALL),
  },
  cards: {
    about: "the generated playing cards, from random weights, on a CPU",
    build: () => derive(defaultConfig(), CARDS),
  },
};

/**
 * What `preset` knows: `DINO_4scale`, `small`, ….
 *
 * @category Configuration
 */
export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[]; // the record has exactly these keys

/** What a preset is for, in a few words. */
export function aboutPreset(name: PresetName): string {
  return PRESETS[name].about;
}

/**
 * The complete configuration of a preset; a new copy each time.
 *
 * @category Configuration
 */
export function preset(name: PresetName): DinoConfig;
/** The preset of that name, or undefined where there is none. */
export function preset(name: string): DinoConfig | undefined;
/** The preset of that name, or undefined. */
export function preset(name: string): DinoConfig | undefined {
  return PRESET_NAMES.includes(name as PresetName) ? PRESETS[name as PresetName].build() : undefined;
}
