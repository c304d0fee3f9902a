/** Layers. */
export { ConvTranspose2d, type ConvTranspose2dLayerOptions } from "./conv_transpose2d.ts";
export { Conv1d } from "./conv1d.ts";
export { Conv2d, type Conv2dLayerOptions } from "./conv2d.ts";
export { MSDeformAttn, type MSDeformAttnOptions } from "./deformable_attention.ts";
export { Dropout, DropPath } from "./dropout.ts";
export { Embedding } from "./embedding.ts";
export { Linear } from "./linear.ts";
export { MLP } from "./mlp.ts";
export { Module, type ModuleContext, snakeCase } from "./module.ts";
export { MultiheadAttention } from "./multihead_attention.ts";
export { BatchNorm1d, BatchNorm2d, FrozenBatchNorm2d, GroupNorm, LayerNorm } from "./norm.ts";
export { GRU, LSTM, type RecurrentOptions } from "./recurrent.ts";
export { Sequential, type Step } from "./sequential.ts";
