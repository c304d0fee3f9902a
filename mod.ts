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
export { type DeviceChoice, openDevice, type OpenDeviceOptions } from "./engine/device/open.ts";
export * from "./entries/data.ts";
export * from "./entries/detector.ts";
export * from "./entries/eval.ts";
export {
  type AnnotatedFile,
  annotateImage,
  type Bar,
  barChart,
  contactSheet,
  drawDetections,
  type DrawnDetection,
  type FontName,
  type Heatmap,
  heatmap,
  linePlot,
  type Marks,
  type PlotOptions,
  type Rendering,
  type RenderOptions,
  renderSvg,
  type Series,
  type SheetPicture,
} from "./detector/draw/mod.ts";
