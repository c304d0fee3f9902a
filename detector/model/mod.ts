/** The DINO model: built from a configuration, called with images, read through `postprocess`. */
export type { Backbone } from "./backbone/backbone.ts";
export type { BackboneOptions } from "./backbone/backbone.ts";
export { buildDino, Dino, type DinoInputs } from "./dino.ts";
export { type DenoisingDraws, type DenoisingTarget } from "./denoising.ts";
export {
  type DecoderStep,
  type DenoisingOptions,
  type DinoModelOptions,
  dinoModelOptions,
  postprocessOptions,
} from "./options.ts";
export type { DenoisingOutputs, DinoOutputs, Predictions } from "./outputs.ts";
export { type Detections, postprocess, type PostprocessOptions } from "./postprocess.ts";
export type { Trace, TraceName } from "./trace.ts";
