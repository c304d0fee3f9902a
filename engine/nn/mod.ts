/**
 * Layers. Their parameters have the names that PyTorch gives them, and a `Module` of your own is a class whose fields are
 * layers and parameters.
 *
 * ```ts
 * import { Conv2d, Sequential } from "@dinograd/dinograd/nn";
 * import { createCpuDevice, RandomStream, relu, zeros } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const context = { device, random: RandomStream.named(1, "initialization") };
 * const block = new Sequential(new Conv2d(context, { inChannels: 3, outChannels: 8, kernel: 3, padding: 1 }), relu);
 * console.log(block.forward(zeros(device, [1, 3, 16, 16])).shape); // [ 1, 8, 16, 16 ]
 * await device.destroy();
 * ```
 *
 * @module
 */
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
