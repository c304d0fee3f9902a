/**
 * Opens the device that a command asks for. `auto` takes a hardware GPU if there is one, else the CPU, and never a
 * software rasterizer: that is asked for by name.
 */

import { DinogradError } from "../errors.ts";
import type { Device } from "./device.ts";
import { createCpuDevice } from "./wasm/device.ts";

/**
 * Where to compute: `auto` takes a hardware GPU if there is one, else the CPU.
 *
 * @category Devices
 */
export type DeviceChoice = "auto" | "cpu" | "webgpu";

/**
 * Which device to open, and how many threads one on the CPU has.
 *
 * @category Devices
 */
export interface OpenDeviceOptions {
  /** Default `auto`. */
  readonly device?: DeviceChoice;
  /** CPU threads; null or left out for all cores. */
  readonly threads?: number | null;
  /** Time every command on a GPU that can (see `WebGpuOptions`). Default false. */
  readonly timestamps?: boolean;
}

/**
 * Opens a device, by default the best there is; destroy it when done.
 * @throws {DinogradError} of kind "device" where the one asked for is not to be had
 * @category Devices
 */
export async function openDevice({ device = "auto", threads, timestamps }: OpenDeviceOptions = {}): Promise<Device> {
  const cpu = () => createCpuDevice({ threads: threads ?? undefined });
  if (device === "cpu") return await cpu();
  const { createWebGpuDevice } = await import("./webgpu/create.ts");
  if (device === "webgpu") return await createWebGpuDevice({ allowSoftware: true, timestamps });
  try {
    return await createWebGpuDevice({ allowSoftware: false, timestamps });
  } catch (error) {
    if (error instanceof DinogradError) return await cpu();
    throw error;
  }
}
