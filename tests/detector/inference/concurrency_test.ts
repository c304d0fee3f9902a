/**
 * Tasks that share a device and take turns at their awaits: each gives what it gives alone, an error is its own, and nothing
 * is left behind.
 */
import { forgetConstants } from "../../../engine/constants.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Criterion } from "../../../detector/loss/mod.ts";
import { detectImage, detectImages } from "../../../detector/inference/detect_image.ts";
import { loadModel } from "../../../detector/inference/load_model.ts";
import { buildDino, type Detections, type Dino } from "../../../detector/model/mod.ts";
import type { Batch, Image } from "../../../detector/data/mod.ts";
import type { Device } from "../../../engine/device/device.ts";
import { createCpuDevice } from "../../../engine/device/wasm/device.ts";
import { DinogradError, ShapeError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { currentScope, scoped } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { tinyConfig, tinySession, writeTinyModel } from "../../helpers/tiny_model.ts";
import { openTestGpu, webGpuRequired } from "../../helpers/webgpu.ts";

const config = tinyConfig();

function imageOf(seed: number): Image {
  const random = RandomStream.named(seed, "image");
  const [width, height] = [50 + seed, 40];
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
}

const IMAGES = [1, 2, 3, 4].map(imageOf);
const listed = ({ scores, labels, boxes }: Detections) => [[...scores], [...labels], [...boxes]];

async function withModel(device: Device, test: (model: Dino) => Promise<void>): Promise<void> {
  const model = buildDino({ device, random: RandomStream.named(3, "initialization") }, config).evaluate();
  try {
    await test(model);
  } finally {
    model.dispose();
    await device.destroy();
  }
}

async function devices(): Promise<Device[]> {
  const all: Device[] = [await createCpuDevice({ threads: 2 })];
  try {
    all.push(await openTestGpu());
  } catch (error) {
    if (webGpuRequired()) throw error;
  }
  return all;
}

Deno.test({
  name: "images that are detected in at the same time wait for their turn: the results and the memory of one by one",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    for (const device of await devices()) {
      await withModel(device, async (model) => {
        forgetConstants(device); // kept on purpose
        const before = device.memory.used;
        const alone: Detections[] = [];
        device.resetPeak();
        for (const image of IMAGES) alone.push(await detectImage(model, image, { config }));
        const { peak } = device.memory;
        device.resetPeak();
        const together = await Promise.all([
          ...IMAGES.map((image) => detectImage(model, image, { config })),
          detectImages(model, IMAGES.slice(0, 2), { config }),
        ]);
        assertEquals(together.flat().map(listed), [...alone, ...alone.slice(0, 2)].map(listed), device.description);
        forgetConstants(device);
        assertEquals(device.memory.used, before, device.description);
        assert(device.memory.peak <= peak, `${device.description}: ${device.memory.peak} bytes, alone ${peak}`);
        assertEquals(currentScope(), undefined);
      });
    }
  },
});

Deno.test("an image that fails among others fails alone, and leaves nothing behind", async () => {
  const device = await createCpuDevice({ threads: 1 });
  await withModel(device, async (model) => {
    const alone = await detectImage(model, IMAGES[0], { config });
    forgetConstants(device); // kept on purpose
    const before = device.memory.used;
    const thin = { width: 1, height: 4, data: new Uint8Array(12) };
    const few = { ...config, num_select: 10_000 };
    const [first, shape, select, , last] = await Promise.allSettled([
      detectImage(model, IMAGES[0], { config }),
      detectImage(model, { ...IMAGES[1], data: new Uint8Array(5) }, { config }),
      detectImage(model, IMAGES[2], { config: few }),
      detectImage(model, thin, { config: { ...config, data_aug_scales: [4], data_aug_max_size: 4 } }),
      detectImage(model, IMAGES[0], { config }),
    ]);
    for (const sound of [first, last]) assertEquals(sound.status === "fulfilled" && listed(sound.value), listed(alone));
    assert(shape.status === "rejected" && shape.reason instanceof ShapeError);
    assert(select.status === "rejected" && select.reason instanceof DinogradError);
    forgetConstants(device);
    assertEquals(device.memory.used, before);
    await assertRejects(() => detectImage(model, IMAGES[2], { config: few }), DinogradError, "num_select");
    assertEquals(listed(await detectImage(model, IMAGES[0], { config })), listed(alone));
  });
});

function batchOf(seed: number): Batch {
  const side = 64;
  const random = RandomStream.named(seed, "batch");
  const target = {
    imageId: seed,
    boxes: Float32Array.of(0.5, 0.5, 0.25, 0.5),
    labels: Int32Array.of(1 + seed % 3),
    area: Float32Array.of(512),
    iscrowd: Uint8Array.of(0),
    originalSize: [side, side] as const,
    size: [side, side] as const,
  };
  return {
    images: Float32Array.from({ length: 3 * side * side }, () => random.uniform()),
    shape: [1, 3, side, side],
    mask: new Uint8Array(side * side),
    targets: [target],
    nextSample: seed,
  };
}

Deno.test("training, losses, loading and detection share a device: each gives what it gives alone, down to the bits", () =>
  inFolder(async (folder) => {
    /** All of it on a device of its own, one by one or at the same time. */
    async function run(inTurn: boolean): Promise<unknown[]> {
      const device = await createCpuDevice({ threads: 1 });
      const session = tinySession(device, { config });
      const path = `${folder}/${inTurn}.dino`;
      await writeTinyModel(path, { config });
      const model = buildDino({ device, random: RandomStream.named(3, "initialization") }, config).evaluate();
      forgetConstants(device); // kept on purpose
      const before = device.memory.used;
      let moments = 0;
      const tasks: readonly (() => Promise<unknown>)[] = [
        async () => {
          const losses: number[] = [];
          for (const seed of [1, 2]) losses.push((await session.step(batchOf(seed))).loss);
          for (const tensor of session.optimizer.state().tensors.values()) moments += 4 * tensor.size;
          return losses;
        },
        ...IMAGES.map((image) => async () => listed(await detectImage(model, image, { config }))),
        async () => {
          const loaded = await loadModel(path, { device });
          const found = await detectImage(loaded.model, IMAGES[0], { config: loaded.config });
          loaded.model.dispose();
          return listed(found);
        },
        () =>
          scoped(async (inner) => {
            const { images, shape, mask, targets } = batchOf(5);
            const outputs = model.forward({ images: tensor(device, images, shape), mask });
            const { total } = await new Criterion(config).losses(outputs, targets);
            const doubled = inner.run(() => total.mul(2));
            return [await total.item(), await doubled.item()];
          }),
      ];
      const results: unknown[] = [];
      if (inTurn) { for (const task of tasks) results.push(await task()); }
      else results.push(...await Promise.all(tasks.map((task) => task())));
      results.push([...await session.model.classEmbed[0].weight.data()]);
      // Beside the moments an optimizer keeps a one.
      forgetConstants(device);
      const kept = device.memory.used - before - moments;
      assert(kept >= 0 && kept <= 4, `${kept} bytes are left`);
      assertEquals(currentScope(), undefined);
      await device.destroy();
      return results;
    }
    assertEquals(await run(false), await run(true));
  }));
