/**
 * dinograd: DINO object detection in TypeScript, on a tensor engine written from scratch.
 *
 * ```ts
 * import { createCpuDevice, describeDetections, detectImage, loadModel, readImage, transformsOf } from "@dinograd/dinograd";
 *
 * const device = await createCpuDevice();
 * const { model, config, classes } = await loadModel("checkpoint.dino", { device, config: null });
 * const found = await detectImage(model, await readImage("street.jpg"), {
 *   config,
 *   transforms: transformsOf(config, false),
 * });
 * console.log(describeDetections(found, { threshold: 0.3, classes }));
 * await device.destroy();
 * ```
 *
 * The engine by itself is `@dinograd/dinograd/engine`, checkpoints are `@dinograd/dinograd/checkpoint`.
 *
 * @module
 */

export { createCpuDevice } from "./engine/device/wasm/device.ts";
export { createWebGpuDevice, type WebGpuOptions } from "./engine/device/webgpu/device.ts";
export type { Device, DeviceKind, DeviceMemory } from "./engine/device/device.ts";
export { DinogradError, type ErrorKind } from "./engine/errors.ts";
export * from "./detector/config/mod.ts";
export {
  CocoDataset,
  decodeImage,
  type DecodeOptions,
  encodeJpeg,
  encodePng,
  generateCards,
  type GenerateCardsOptions,
  type GeneratedCards,
  type Image,
  openDataset,
  type OpenDatasetOptions,
  readImage,
  type Split,
  type Target,
  type TransformSpec,
  type TransformStep,
} from "./detector/data/mod.ts";
export * from "./detector/eval/mod.ts";
export {
  describeDetections,
  detect,
  detectImage,
  type DetectImageOptions,
  type Detection,
} from "./detector/inference.ts";
export { type LoadedModel, loadModel, type LoadModelOptions } from "./detector/load_model.ts";
export { Criterion, type CriterionCall, type CriterionConfig, type CriterionResult } from "./detector/loss/mod.ts";
export {
  buildDino,
  type Detections,
  Dino,
  type DinoInputs,
  type DinoModelOptions,
  dinoModelOptions,
  type DinoOutputs,
  postprocess,
  type PostprocessOptions,
  type Predictions,
} from "./detector/model/mod.ts";
export { openDevice } from "./detector/open_device.ts";
export { transformsOf } from "./detector/train/transforms.ts";
