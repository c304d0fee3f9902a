import type { Device } from "../../engine/device/device.ts";
import { createCpuDevice } from "../../engine/device/wasm/device.ts";

/** Runs a test on a CPU device of one thread, which is destroyed afterwards, whatever happened. */
export async function onCpu<T>(test: (device: Device) => Promise<T>): Promise<T> {
  const device = await createCpuDevice({ threads: 1 });
  try {
    return await test(device);
  } finally {
    await device.destroy();
  }
}
