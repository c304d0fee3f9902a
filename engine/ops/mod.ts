/** Operations on tensors. What models chain is also there as methods of `Tensor`. */
export { attention, type AttentionOptions } from "./attention.ts";
export { cast } from "./cast.ts";
export { conv2d, type Conv2dOperands, type Conv2dOptions } from "./conv.ts";
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
export { embedding, gatherRows } from "./gather.ts";
export { concat, pad, permute, reshape, slice, stack } from "./layout.ts";
export { linear, type LinearOptions } from "./linear.ts";
export { matmul } from "./matmul.ts";
export { batchNorm2d, type BatchNormOperands, groupNorm, layerNorm } from "./normalize.ts";
export { pointwise, type PointwiseFunction, type PointwiseOptions } from "./pointwise.ts";
export { maxPool2d, type Pool2dOptions } from "./pool.ts";
export { max, mean, sum } from "./reduce.ts";
export { samplingLocations } from "./sampling_locations.ts";
export { softmax } from "./softmax.ts";
export { type TopK, topK } from "./top_k.ts";
export { windowAttention, type WindowAttentionOptions } from "./window_attention.ts";
export { cutWindows, joinWindows, type WindowGrid, windowRegions } from "./windows.ts";
