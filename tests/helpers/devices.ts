/**
 * The devices that tests run on: made once per test file, when the first test needs them, and destroyed after the last.
 * Without a GPU adapter WebGPU is left out, which is said aloud, unless DINOGRAD_REQUIRE_WEBGPU=1 makes that an error.
 */

import type { Device } from "../../engine/device/device.ts";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import { createCpuDevice } from "../../engine/device/wasm/device.ts";
import { openTestGpu, webGpuRequired } from "./webgpu.ts";

/** The devices of one test file. */
export interface TestDevices {
  readonly reference: Device;
  /** One thread, then two: they must agree in every bit. */
  readonly cpu: readonly [Device, Device];
  readonly webgpu: Device | undefined;
}

let devices: Promise<TestDevices> | undefined;

/** Destroys the devices after the file's last test. Call it once, while the file's tests are being defined. */
function destroyAfterwards(): void {
  Deno.test.afterAll(async () => {
    if (!devices) return;
    const { reference, cpu, webgpu } = await devices;
    for (const device of [reference, ...cpu, webgpu]) await device?.destroy();
  });
}

let registered = false;

/** Registers the destruction of this file's devices; every test that uses devices is defined through this. */
export function deviceTest(name: string, run: (devices: TestDevices) => void | Promise<void>): void {
  if (!registered) destroyAfterwards();
  registered = true;
  Deno.test({
    name,
    // The devices, with their threads, outlive the test that happens to need them first.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => await run(await (devices ??= create())),
  });
}

async function create(): Promise<TestDevices> {
  return {
    reference: new ReferenceDevice(),
    cpu: [await createCpuDevice({ threads: 1 }), await createCpuDevice({ threads: 2 })],
    webgpu: await webgpuIfPresent(),
  };
}

async function webgpuIfPresent(): Promise<Device | undefined> {
  try {
    return await openTestGpu();
  } catch (error) {
    if (webGpuRequired()) throw error;
    console.warn(`webgpu left out: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}
