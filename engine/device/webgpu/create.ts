/** Opening a GPU: which one, with which features, and one clear error where there is none. */

import { DinogradError } from "../../errors.ts";
import { findAdapter, messageOf, platformGpu, refuseSoftware, whyNoAdapter } from "./adapter.ts";
import { WebGpuDevice } from "./device.ts";
import type { Tiles } from "./gemm.ts";
import { Timestamps } from "./timestamps.ts";

/**
 * Which GPU to take, and how to use it.
 *
 * @category Devices
 */
export interface WebGpuOptions {
  /** Whether a software rasterizer will do; it is for tests, several times slower than the "cpu" device. */
  readonly allowSoftware?: boolean;
  /**
   * Who is asked for a GPU: "navigator" is the platform's own `navigator.gpu` alone, and a name such as "vulkan", "metal"
   * or "d3d12" Dawn's backend of that name. Left out, Dawn is tried first, then `navigator.gpu`.
   */
  readonly backend?: string;
  /** How products are tiled; by default "registers" on a software rasterizer and "shared" on hardware. */
  readonly tiles?: Tiles;
  /** Time every dispatch on the GPU, for a profile, where it can; they do not overlap then. Default false. */
  readonly timestamps?: boolean;
}

/**
 * Opens a GPU: through Dawn where that loads, else through `navigator.gpu`.
 * @throws {DinogradError} of kind "device" when there is no usable one
 * @category Devices
 */
export async function createWebGpuDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  if (!options.allowSoftware && options.backend === undefined) refuseSoftware(await platformGpu());
  const found = await findAdapter(options.backend);
  if (!found) throw new DinogradError("device", `webgpu: expected a GPU adapter but found none${whyNoAdapter()}`);
  const { adapter, info } = found;
  if (!options.allowSoftware) refuseSoftware(info);
  const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const isTimed = options.timestamps === true && adapter.features.has("timestamp-query");
  let gpu: GPUDevice;
  try {
    gpu = await adapter.requestDevice({
      requiredFeatures: isTimed ? ["timestamp-query"] : [],
      requiredLimits: { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage },
    });
  } catch (error) {
    throw new DinogradError("device", `webgpu: cannot open ${info.name}: ${messageOf(error)}`);
  }
  const tiles = options.tiles ?? (info.software ? "registers" : "shared");
  const device = new WebGpuDevice(gpu, info, { tiles, timer: isTimed ? new Timestamps(gpu) : undefined });
  await device.probe();
  return device;
}
