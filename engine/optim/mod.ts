/** Optimizers, clipping and learning-rate schedules. */
export { AdamW, type AdamWOptions } from "./adamw.ts";
export { clipGradNorm, type ClipResult } from "./clip.ts";
export {
  Optimizer,
  type OptimizerState,
  type OptimizerStep,
  type ParameterGroup,
  type ParameterUpdate,
  type StoredOptimizerState,
} from "./optimizer.ts";
export {
  linearWarmup,
  multiStepLR,
  oneCycleLR,
  type OneCycleOptions,
  type Rates,
  type Schedule,
  stepLR,
} from "./schedules.ts";
export { SGD } from "./sgd.ts";
