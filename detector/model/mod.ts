/** The DINO model: built from a configuration, called with images, read through `postprocess`. */
export type { Backbone } from "./backbone/backbone.ts";
export type { ConvNeXtArchitecture } from "./backbone/convnext.ts";
export type { SwinArchitecture } from "./backbone/swin.ts";
export { buildDino, Dino, type DinoInputs } from "./dino.ts";
export { type DenoisingDraws, type DenoisingTarget, planDenoising, randomDraws } from "./denoising.ts";
export {
  type BackboneOptions,
  type DecoderStep,
  type DenoisingOptions,
  type DinoModelOptions,
  dinoModelOptions,
} from "./options.ts";
export type { DenoisingOutputs, DinoOutputs, Predictions } from "./outputs.ts";
export { type Detections, postprocess, type PostprocessOptions } from "./postprocess.ts";
export type { Trace, TraceName } from "./trace.ts";
