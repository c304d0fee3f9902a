/**
 * dinograd: DINO object detection in TypeScript, on a tensor engine written from scratch.
 *
 * ```ts
 * import { createCpuDevice, describeDetections, detectImage, loadModel, readImage } from "@dinograd/dinograd";
 *
 * const device = await createCpuDevice();
 * const { model, config, classes } = await loadModel("checkpoint.dino", { device });
 * const found = await detectImage(model, await readImage("street.jpg"), { config });
 * console.log(describeDetections(found, { threshold: 0.3, classes }));
 * await device.destroy();
 * ```
 *
 * `train` and `evaluateCheckpoint` are the other two whole tasks; `buildDino`, `Criterion` and `Loader` are what an own
 * training loop is made of. More examples are in
 * `docs/importing.md`.
 *
 * The engine by itself is `@dinograd/dinograd/engine`, checkpoints are `@dinograd/dinograd/checkpoint`.
 *
 * @module
 */

export {
  createCpuDevice,
  type Device,
  type DeviceKind,
  type DeviceMemory,
  DinogradError,
  type ErrorKind,
  RandomStream,
  scope,
  type Tensor,
  tensor,
  type WasmRuntimeOptions,
} from "./engine/mod.ts";
export { createWebGpuDevice, type WebGpuOptions } from "./engine/device/webgpu/mod.ts";
export * from "./detector/config/mod.ts";
export {
  type BadImage,
  type Batch,
  type CocoCategory,
  CocoDataset,
  type CocoFile,
  type CocoImage,
  type CocoObject,
  decodeImage,
  type DecodeOptions,
  DEFAULT_MAX_IMAGE_PIXELS,
  encodeJpeg,
  type EncodeJpegOptions,
  encodePng,
  generateCards,
  type GenerateCardsOptions,
  type GeneratedCards,
  type Image,
  type ImageEntry,
  Loader,
  type LoaderOptions,
  type MixSpec,
  openDataset,
  type OpenDatasetOptions,
  type Pixels,
  readImage,
  type Segmentation,
  sizeOfImage,
  type Split,
  type Target,
  type TransformSpec,
  type TransformStep,
} from "./detector/data/mod.ts";
export * from "./detector/draw/mod.ts";
export * from "./detector/eval/mod.ts";
export * from "./detector/eval/report/mod.ts";
export { evaluateCheckpoint } from "./detector/eval/evaluate_checkpoint.ts";
export { detect, type DetectSummary } from "./detector/inference/detect.ts";
export { type Inside, lookInside } from "./detector/inference/look/inside.ts";
export {
  exportOnnx,
  type ExportOnnxOptions,
  type OnnxSummary,
  type OnnxValue,
  type Sampling,
} from "./detector/export/mod.ts";
export { detectImage, type DetectImageOptions, detectImages } from "./detector/inference/detect_image.ts";
export { describeDetections, type Detection } from "./detector/inference/detection.ts";
export { watchFolder, type WatchOptions } from "./detector/inference/watch.ts";
export {
  type CheckpointSource,
  type LoadedModel,
  loadModel,
  type LoadModelOptions,
} from "./detector/inference/load_model.ts";
export { type AssetName, type AssetSource, provideAssets } from "./platform/assets.ts";
export {
  type ComputedLosses,
  Criterion,
  type CriterionCall,
  type CriterionConfig,
  type CriterionResult,
  type Match,
  type MatchTarget,
  type WeightConfig,
} from "./detector/loss/mod.ts";
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
} from "./detector/model/mod.ts";
export { type DeviceChoice, openDevice, type OpenDeviceOptions } from "./engine/device/open.ts";
export type { Evaluation } from "./detector/eval/evaluate.ts";
export { train, type TrainHooks, type TrainingResult } from "./detector/train/trainer.ts";
export { transformsOf } from "./detector/data/configured_transforms.ts";
export type { ClassName } from "./detector/weights/mod.ts";
