/** How often a warm step asks the device, waits for it and uploads: on a device that counts, and on real ones. */
import { assert, assertEquals } from "@std/assert";
import { syntheticBatch } from "../../../commands/measure/model.ts";
import { DryDevice } from "../../../engine/device/dry.ts";
import type { Device } from "../../../engine/device/device.ts";
import { createCpuDevice } from "../../../engine/device/wasm/device.ts";
import { withoutGradient } from "../../../engine/autograd.ts";
import { inUnit, ProfiledDevice } from "../../../engine/profile/profiled_device.ts";
import { type ProfileSummary, summarize } from "../../../engine/profile/summary.ts";
import { scoped } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import { gpuTest } from "../../helpers/gpu_bench.ts";
import type { TrainingSession } from "../../../detector/train/session.ts";
import { tinyConfig, tinySession } from "../../helpers/tiny_model.ts";

const config = tinyConfig({ dn_number: 4 });
const batch = syntheticBatch(config, { batch: 2, width: 64, height: 64 });

/** What the second of two pieces of work on a session comes to. */
async function warm(inner: Device, work: (session: TrainingSession) => Promise<unknown>): Promise<ProfileSummary> {
  const device = new ProfiledDevice(inner, { warmUp: 1, units: 1 });
  const session = tinySession(device, { config });
  for (let i = 0; i < 2; i++) await inUnit(device, "step", () => work(session));
  session.dispose();
  assertEquals(inner.memory.used, 0);
  return summarize(device.units);
}

const step = (session: TrainingSession) => session.step(batch);

const forward = ({ device, model }: TrainingSession) =>
  scoped(async (inner) => {
    const images = inner.run(() => tensor(device, batch.images, batch.shape));
    const input = { images, mask: batch.mask, auxiliary: false };
    await inner.run(() => withoutGradient(() => model.forward(input))).predBoxes.data();
  });

const count = ({ lines }: ProfileSummary, kernel: string) =>
  lines.filter((line) => line.kernel === kernel).reduce((sum, { launches }) => sum + launches, 0);

async function check(device: Device): Promise<void> {
  const once = await warm(device, forward);
  // The images; what follows from their size is on the device since the first pass.
  assertEquals([count(once, "upload"), once.drains], [1, 1]);
  const both = await warm(device, step);
  // Once for the predictions that are matched, once for losses and the norm of gradients.
  assertEquals(both.drains, 2);
  // Images, denoising and targets; per set of losses the classes and rows that were matched.
  const sets = count(both, "focal_loss");
  assert(count(both, "upload") <= 2 * sets + 8, `${count(both, "upload")} uploads for ${sets} sets`);
}

Deno.test("a warm forward pass uploads its images alone, and a warm step waits twice: counted", async () => {
  await check(new DryDevice());
});

Deno.test("a warm forward pass uploads its images alone, and a warm step waits twice: on the CPU", async () => {
  const device = await createCpuDevice({ threads: 1 });
  await check(device);
  await device.destroy();
});

gpuTest("a warm forward pass uploads its images alone, and a warm step waits twice: on a GPU", check);
