/**
 * Optimizers, clipping and learning-rate schedules.
 *
 * ```ts
 * import { AdamW, cosineLR } from "@dinograd/dinograd/optim";
 * import { createCpuDevice, Parameter, scope } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = new Parameter({ device }, [1], Float32Array.of(3));
 * const optimizer = new AdamW([{ name: "x", parameters: [["x", x]], weightDecay: 0 }]);
 * const schedule = cosineLR(0.2, { totalSteps: 100 });
 * for (let step = 0; step < 100; step++) {
 *   using _ = scope();
 *   x.sub(1).square().sum().backward();
 *   optimizer.step({ learningRates: [schedule(step).learningRate] });
 *   optimizer.zeroGrad();
 * }
 * console.log((await x.item()).toFixed(1)); // 1.0
 * await device.destroy();
 * ```
 *
 * @module
 */
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
