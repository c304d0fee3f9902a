/**
 * Opens the device that a command asks for. `auto` takes a hardware GPU if there is one, else the CPU, and never a
 * software rasterizer: that is asked for by name.
 */

import type { Device } from "../engine/device/device.ts";
import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { createWebGpuDevice } from "../engine/device/webgpu/device.ts";
import { DinogradError } from "../engine/errors.ts";
import { COMPUTE_DEFAULTS, type ComputeOptions } from "./config/mod.ts";
import { withDefaults } from "./config/run_options.ts";

/**
 * Opens a device, by default the best there is; destroy it when done.
 * @throws DinogradError of kind "device" where the one asked for is not to be had
 */
export async function openDevice(given: Partial<Pick<ComputeOptions, "device" | "threads">> = {}): Promise<Device> {
  const { device, threads } = withDefaults(COMPUTE_DEFAULTS, given);
  const cpu = () => createCpuDevice({ threads: threads ?? undefined });
  if (device === "cpu") return await cpu();
  if (device === "webgpu") return await createWebGpuDevice({ allowSoftware: true });
  try {
    return await createWebGpuDevice({ allowSoftware: false });
  } catch (error) {
    if (error instanceof DinogradError) return await cpu();
    throw error;
  }
}
