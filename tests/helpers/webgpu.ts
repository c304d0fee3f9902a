/**
 * The WebGPU device of tests: hardware or, more often, a software rasterizer. Without any adapter the tests that need one
 * are left out and say so; DINOGRAD_REQUIRE_WEBGPU=1, which continuous integration sets, makes that a failure.
 */

import { createWebGpuDevice, type WebGpuOptions } from "../../engine/device/webgpu/create.ts";
import type { WebGpuDevice } from "../../engine/device/webgpu/device.ts";

/** Whether tests may not be left out for want of an adapter. */
export const webGpuRequired = (): boolean => Deno.env.get("DINOGRAD_REQUIRE_WEBGPU") === "1";

/**
 * While one of its promises is pending, Dawn asks for news by `setImmediate`, up to a million times a second. That takes a
 * core from a software rasterizer, and the test runner slows down by ever more for each of them. A thousand times a
 * second will do. Call it before Dawn is first used; further calls change nothing.
 */
export function pollGently(): void {
  Object.assign(globalThis, {
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) => setTimeout(() => run(...args), 1),
  });
}

/** A device of its own for a test; destroy it. Throws `DinogradError("device")` where there is no adapter. */
export async function openTestGpu(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  pollGently();
  return await createWebGpuDevice({ allowSoftware: true, ...options });
}
