/**
 * The detector: configurations, the DINO model and its losses, detection and training.
 *
 * ```ts
 * import { buildDino, detectImage, preset } from "@dinograd/dinograd/detector";
 * import { createCpuDevice, RandomStream } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const config = { ...preset("cards"), num_queries: 10, num_select: 5, data_aug_scales: [64], data_aug_max_size: 64 };
 * const model = buildDino({ device, random: RandomStream.named(1, "initialization") }, config).evaluate();
 * const image = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3) };
 * const { boxes } = await detectImage(model, image, { config });
 * console.log(boxes.length / 4); // 5
 * await device.destroy();
 * ```
 *
 * `train` is the whole of a training run; data is in `@dinograd/dinograd/data`, evaluation in `@dinograd/dinograd/eval`.
 * `@dinograd/dinograd` has all three, and pictures.
 *
 * @module
 */
export {
  type BackboneArchitecture,
  type BackboneName,
  BACKBONES,
  CHANNEL_ORDERS,
  type ChannelOrder,
  checkConfig,
  checkConfigKeys,
  type CheckedKeys,
  COMPUTE_DEFAULTS,
  type ComputeOptions,
  CONFIG_GROUPS,
  CONFIG_KEYS,
  type ConfigChoice,
  type ConfigDifference,
  type ConfigGroup,
  type ConfigKey,
  configKeys,
  type ConfigObject,
  type ConfigTable,
  type ConfigValue,
  type ConvNeXtArchitecture,
  type DataConfig,
  defaultConfig,
  DETECT_DEFAULTS,
  type DetectOptions,
  diffConfigs,
  type DinoConfig,
  type DownloadOptions,
  EVAL_DEFAULTS,
  type EvalOptions,
  formatJsonConfig,
  formatPythonConfig,
  type Given,
  type KeepCheckpoints,
  type KeySpec,
  type KeyUse,
  loadConfig,
  type LoadConfigOptions,
  LOOK_KINDS,
  type LookKind,
  type Merge,
  MERGES,
  type ModelConfig,
  type NormName,
  NORMS,
  type OptimizerConfig,
  parsePythonConfig,
  preset,
  PRESET_NAMES,
  type PresetName,
  type ProfileOption,
  type Progress,
  type ProgressDetails,
  type ProgressOptions,
  RESIZE_FILTERS,
  RESIZE_RULES,
  type ResizeFilter,
  type ResizeRule,
  type ResNetArchitecture,
  resolveConfig,
  type ResolvedConfig,
  RESULT_FORMATS,
  type ResultFormat,
  type RuntimeConfig,
  type RunUi,
  type SwinArchitecture,
  TILE_DEFAULTS,
  type TileOptions,
  TRAIN_DEFAULTS,
  TRAINING_LOOK_KINDS,
  type TrainingLookKind,
  type TrainOptions,
  type UnusedConfig,
} from "../detector/config/mod.ts";
export { detect, type DetectSummary } from "../detector/inference/detect.ts";
export {
  exportOnnx,
  type ExportOnnxOptions,
  type OnnxSummary,
  type OnnxValue,
  type Sampling,
} from "../detector/export/mod.ts";
export { type Inside, lookInside } from "../detector/inference/look/inside.ts";
export { detectImage, type DetectImageOptions, detectImages } from "../detector/inference/detect_image.ts";
export { describeDetections, type Detection } from "../detector/inference/detection.ts";
export { watchFolder, type WatchOptions } from "../detector/inference/watch.ts";
export {
  type CheckpointSource,
  type LoadedModel,
  loadModel,
  type LoadModelOptions,
} from "../detector/inference/load_model.ts";
export {
  type ComputedLosses,
  Criterion,
  type CriterionCall,
  type CriterionConfig,
  type CriterionResult,
  type Match,
  type MatchTarget,
  type WeightConfig,
} from "../detector/loss/mod.ts";
export {
  type Backbone,
  type BackboneOptions,
  buildDino,
  type DecoderStep,
  type DenoisingDraws,
  type DenoisingOptions,
  type DenoisingOutputs,
  type DenoisingTarget,
  type Detections,
  Dino,
  type DinoInputs,
  type DinoModelOptions,
  dinoModelOptions,
  type DinoOutputs,
  postprocess,
  type PostprocessOptions,
  type Predictions,
  type Trace,
  type TraceName,
} from "../detector/model/mod.ts";
export { train, type TrainHooks, type TrainingResult } from "../detector/train/trainer.ts";
export type { DataInHand, RunData } from "../detector/train/proof/data_record.ts";
export type { ClassName } from "../detector/weights/mod.ts";
export { type AssetName, type AssetSource, provideAssets } from "../platform/assets.ts";
