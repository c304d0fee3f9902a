/**
 * The engine's face: tensors with automatic differentiation, devices that run generated kernels, layers and optimizers.
 * It knows nothing of detection and can be used by itself.
 *
 * ```ts
 * import { createCpuDevice, scope, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * {
 *   using _ = scope(); // what is made inside is gone behind the brace
 *   const x = tensor(device, [1, 2, 3]);
 *   x.requiresGrad = true;
 *   x.square().sum().backward();
 *   console.log(await x.grad?.data()); // [2, 4, 6]
 * }
 * await device.destroy();
 * ```
 *
 * @module
 */

export { backward, isRecording, withoutGradient } from "./autograd.ts";
export { gradientCheckpoint } from "./checkpointing.ts";
export type { Device, DeviceKind, DeviceMemory } from "./device/device.ts";
export { ReferenceDevice } from "./device/reference.ts";
export { createCpuDevice } from "./device/wasm/device.ts";
export { createWebGpuDevice, type WebGpuOptions } from "./device/webgpu/device.ts";
export type { DType, TensorData } from "./dtype.ts";
export { DinogradError, type ErrorKind } from "./errors.ts";
export * from "./nn/mod.ts";
export * from "./ops/mod.ts";
export * from "./optim/mod.ts";
export { type RandomState, RandomStream } from "./random.ts";
export { currentScope, type Disposes, Scope, scope, tidy } from "./scope.ts";
export type { Shape } from "./shape.ts";
export { full, Tensor, tensor, zeros } from "./tensor.ts";
