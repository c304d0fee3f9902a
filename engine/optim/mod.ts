/** Optimizers, clipping and learning-rate schedules. */
export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { AdamW, type AdamWOptions } from "./adamw.ts";
export { clipGradNorm, type ClipResult } from "./clip.ts";
export { Lion, type LionOptions } from "./lion.ts";
export {
  Optimizer,
  type OptimizerState,
  type OptimizerStep,
  type ParameterGroup,
  type ParameterUpdate,
  type StoredOptimizerState,
} from "./optimizer.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export {
  cosineLR,
  type CosineOptions,
  linearWarmup,
  multiStepLR,
  oneCycleLR,
  type OneCycleOptions,
  type Rates,
  type Schedule,
  stepLR,
} from "./schedules.ts";
export { SGD } from "./sgd.ts";
