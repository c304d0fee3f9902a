/** Configurations: the official files and keys, presets, validation, fingerprints. */
export {
  type BackboneArchitecture,
  type BackboneName,
  BACKBONES,
  type ConvNeXtArchitecture,
  type ResNetArchitecture,
  type SwinArchitecture,
} from "./backbones.ts";
export {
  CHANNEL_ORDERS,
  type ChannelOrder,
  type ConfigKey,
  type DataConfig,
  type DinoConfig,
  type ModelConfig,
  type NormName,
  NORMS,
  type OptimizerConfig,
  RESIZE_FILTERS,
  RESIZE_RULES,
  type ResizeFilter,
  type ResizeRule,
  type RuntimeConfig,
  type UnusedConfig,
} from "./dino_config.ts";
export { type ConfigDifference, diffConfigs, groupMatters } from "./fingerprint.ts";
export { formatJsonConfig, formatPythonConfig } from "./format.ts";
export { CONFIG_GROUPS, type ConfigGroup, type KeySpec, type KeyUse } from "./key_spec.ts";
export { loadConfig, type LoadConfigOptions } from "./load.ts";
export { didYouMean } from "./nearest.ts";
export { parseOptions } from "./options.ts";
export { defaultConfig, preset, PRESET_NAMES, type PresetName } from "./presets.ts";
export { parsePythonConfig } from "./python_config.ts";
export {
  checkConfig,
  checkConfigKeys,
  type CheckedKeys,
  describeUnused,
  resolveConfig,
  type ResolvedConfig,
} from "./resolve.ts";
export { CONFIG_KEYS, configKeys, type ConfigTable, groupOf, isConfigKey } from "./schema.ts";
export type { ConfigObject, ConfigValue } from "./values.ts";
export {
  COMPUTE_DEFAULTS,
  type ComputeOptions,
  type ConfigChoice,
  DETECT_DEFAULTS,
  type DetectOptions,
  type DownloadOptions,
  EVAL_DEFAULTS,
  type EvalOptions,
  type Given,
  type KeepCheckpoints,
  type ProfileOption,
  RESULT_FORMATS,
  type ResultFormat,
  TRAIN_DEFAULTS,
  type TrainOptions,
} from "./run_options.ts";
export type { Progress, ProgressDetails, ProgressOptions, RunUi } from "./run_ui.ts";
export { LOOK_KINDS, type LookKind, TRAINING_LOOK_KINDS, type TrainingLookKind } from "./look_kinds.ts";
export { type Merge, MERGES, TILE_DEFAULTS, type TileOptions } from "./tile_options.ts";
