/**
 * Operations on tensors, as functions. Each differentiates itself and runs on every device. What models chain is also there
 * as methods of `Tensor`.
 *
 * ```ts
 * import { cumsum, einsum } from "@dinograd/dinograd/ops";
 * import { createCpuDevice, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [[1, 2], [3, 4]]);
 * const products = einsum("ij,kj->ik", x, x);
 * console.log(await cumsum(products, 1).toArray()); // [ [ 5, 16 ], [ 11, 36 ] ]
 * await device.destroy();
 * ```
 *
 * `@dinograd/dinograd/engine` has them too, with devices, layers and optimizers; `docs/write-an-op.md` adds more.
 *
 * @module
 */
export { elu, hardswish, leakyRelu, silu, softplus } from "./activations.ts";
export { argmax, argmin } from "./arg_extremum.ts";
export { adaptiveMaxPool2d } from "./adaptive_max_pool.ts";
export { attention, type AttentionOptions } from "./attention.ts";
export { adaptiveAvgPool2d, avgPool2d, type AvgPool2dOptions, type ImageSize } from "./average_pool.ts";
export { cast } from "./cast.ts";
export {
  bool,
  eq,
  ge,
  gt,
  isFinite,
  isNaN,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  type MaskFunction,
  ne,
} from "./compare.ts";
export { conv2d } from "./conv.ts";
export type { Conv2dOperands, Conv2dOptions } from "./conv_options.ts";
export { convTranspose2d, type ConvTranspose2dOptions } from "./conv_transpose.ts";
export { conv1d, type Conv1dOptions } from "./conv1d.ts";
export { crossEntropy, type CrossEntropyOptions, nll, type NllOptions } from "./cross_entropy.ts";
export { deformableAttention, type SpatialShapes } from "./deformable_attention.ts";
export { depthwiseConv2d } from "./depthwise_conv.ts";
export { dropout, type DropoutNoise, dropPath } from "./dropout.ts";
export {
  abs,
  add,
  type BinaryFunction,
  clamp,
  cos,
  div,
  exp,
  floor,
  gelu,
  inverseSigmoid,
  log,
  maskedFill,
  maximum,
  minimum,
  mul,
  neg,
  relu,
  sigmoid,
  sin,
  sqrt,
  square,
  sub,
  tanh,
  type UnaryFunction,
  where,
} from "./elementwise.ts";
export { einsum, outer } from "./einsum.ts";
export { embedding, gatherRows } from "./gather.ts";
export { concat, pad, permute, reshape, slice, type SliceOptions, stack } from "./layout.ts";
export { interpolate, type InterpolateOptions } from "./interpolate.ts";
export { linear, type LinearOptions } from "./linear.ts";
export { logSoftmax, logSumExp } from "./log_sum_exp.ts";
export {
  type BceOptions,
  bceWithLogits,
  kl,
  type KlOptions,
  type LossOptions,
  type LossReduction,
  mse,
  smoothL1,
  type SmoothL1Options,
} from "./losses.ts";
export { matmul } from "./matmul.ts";
export { batchNorm2d, type BatchNormOperands, groupNorm, layerNorm } from "./normalize.ts";
export { pointwise, type PointwiseFunction, type PointwiseOptions } from "./pointwise.ts";
export { maxPool2d, type Pool2dOptions } from "./pool.ts";
export { expm1, log1p, pow, reciprocal, rsqrt } from "./power.ts";
export {
  at,
  broadcastTo,
  flip,
  repeatInterleave,
  roll,
  split,
  squeeze,
  tile,
  transpose,
  unsqueeze,
} from "./rearrange.ts";
export { type Axes, max, mean, min, prod, type ReduceOptions, sum } from "./reduce.ts";
export { ceil, mod, round, sign } from "./rounding.ts";
export { samplingLocations } from "./sampling_locations.ts";
export { cumsum } from "./scan.ts";
export { scatter } from "./scatter.ts";
export { softmax } from "./softmax.ts";
export { argsort, sort, type SortOptions } from "./sort.ts";
export { norm, type NormOptions, type SpreadOptions, std, variance } from "./statistics.ts";
export { gather, indexSelect, type Placed, scatterAdd } from "./take_along.ts";
export { type TopK, topK } from "./top_k.ts";
export { oneHot, tril, triu } from "./triangle.ts";
export { acos, acosh, asin, asinh, atan, atan2, atanh, cosh, sinh, tan } from "./trigonometry.ts";
export { windowAttention, type WindowAttentionOptions } from "./window_attention.ts";
export { cutWindows, joinWindows, type WindowGrid, windowRegions } from "./windows.ts";
