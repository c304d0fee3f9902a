/**
 * The engine on a GPU, through WebGPU. What works on a tensor works on one of this device.
 *
 * ```ts
 * import { createWebGpuDevice } from "@dinograd/dinograd/webgpu";
 * import { tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createWebGpuDevice({ allowSoftware: true }); // without it, hardware or an error
 * console.log(await tensor(device, [1, 2, 3]).square().toArray()); // [ 1, 4, 9 ]
 * await device.destroy();
 * ```
 *
 * A browser's `navigator.gpu` needs nothing else. Deno and Node are given Dawn, Chromium's WebGPU, when a device is first
 * opened: Deno fetches it by itself (`npm:webgpu`, 130 MB for all systems), Node wants `npm install webgpu`. Where Dawn is
 * not to be had, and with `backend: "navigator"`, Deno's own `navigator.gpu` is taken.
 *
 * @module
 */
export { createWebGpuDevice, type WebGpuOptions } from "./create.ts";
export type { WebGpuDevice } from "./device.ts";
export type { WebGpuAdapterInfo } from "./adapter.ts";
export type { Tiles } from "./gemm.ts";
