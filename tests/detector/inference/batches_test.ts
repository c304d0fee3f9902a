import { assertEquals, assertRejects } from "@std/assert";
import { cropImage } from "../../../detector/data/mod.ts";
import type { Image } from "../../../detector/data/images/image.ts";
import { detectImage, detectImages } from "../../../detector/inference/detect_image.ts";
import { mergeViews } from "../../../detector/inference/merge.ts";
import { tilesOf } from "../../../detector/inference/tiles.ts";
import type { Detections } from "../../../detector/model/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { Device } from "../../../engine/device/device.ts";
import { RandomStream } from "../../../engine/random.ts";
import { deviceTest } from "../../helpers/devices.ts";
import { tinySession } from "../../helpers/tiny_model.ts";

function noise(width: number, height: number, name: string): Image {
  const random = RandomStream.named(7, name);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
}

const list = ({ scores, labels, boxes }: Detections) => [[...scores], [...labels], [...boxes]];

/** Sizes of which some become one when they are prepared, in an order that mixes them. */
const IMAGES = [[96, 64], [64, 96], [48, 32], [96, 64], [50, 50], [64, 96], [96, 64]].map(([width, height], at) =>
  noise(width, height, `image ${at}`)
);

async function batchesAreOneByOne(device: Device): Promise<void> {
  const { model, config, dispose } = open(device);
  const one: Detections[] = [];
  for (const image of IMAGES) one.push(await detectImage(model, image, { config }));
  for (const batchSize of [2, 3, 16]) {
    const found = await detectImages(model, IMAGES, { config, batchSize });
    assertEquals(found.map(list), one.map(list), `batches of ${batchSize}`);
  }
  const tile = { size: 48, overlap: 0.3, whole: true } as const;
  const tiled = await detectImages(model, IMAGES, { config, tile });
  assertEquals((await detectImages(model, IMAGES, { config, tile, batchSize: 4 })).map(list), tiled.map(list));
  dispose();
}

function open(device: Device) {
  const session = tinySession(device);
  session.model.evaluate();
  return { model: session.model, config: session.config, dispose: () => session.dispose() };
}

deviceTest("images of one size in a batch give the bits that they give one by one, on the CPU", async ({ cpu }) => {
  for (const device of cpu) await batchesAreOneByOne(device);
});

deviceTest("images of one size in a batch give the bits that they give one by one, on WebGPU", async ({ webgpu }) => {
  if (webgpu) await batchesAreOneByOne(webgpu);
});

deviceTest("an image that is no larger than a tile gives the same bits with and without tiles", async ({ cpu }) => {
  const { model, config, dispose } = open(cpu[0]);
  const image = noise(60, 40, "small");
  const whole = await detectImage(model, image, { config });
  for (const tile of [{ size: 60 }, { size: 500, whole: true }]) {
    assertEquals(list(await detectImage(model, image, { config, tile })), list(whole));
  }
  dispose();
});

deviceTest(
  "a larger image gives what its tiles give, each as an image of its own, where they are, and merged",
  async ({ cpu }) => {
    const { model, config, dispose } = open(cpu[0]);
    const image = noise(110, 70, "large");
    const tile = { size: 64, overlap: 0.25, whole: true, merge: "wbf", iou: 0.4 } as const;
    const views = [];
    for (const { left, top, right, bottom } of tilesOf(image, tile)) {
      const part = cropImage(image, { x: left, y: top, width: right - left, height: bottom - top });
      const found = await detectImage(model, part, { config });
      const boxes = found.boxes.map((end, at) => end + [left, top][at % 2]);
      views.push({ area: [left, top, right, bottom] as const, isTile: true, found: { ...found, boxes } });
    }
    views.push({ area: [0, 0, 110, 70] as const, isTile: false, found: await detectImage(model, image, { config }) });
    assertEquals(views.length, 2 * 2 + 1);
    const found = await detectImage(model, image, { config, tile });
    assertEquals(list(found), list(mergeViews(views, { width: 110, height: 70, merge: "wbf", iou: 0.4 })));
    dispose();
  },
);

deviceTest("a batch of no images gives nothing, and sizes that are none are refused", async ({ cpu }) => {
  const { model, config, dispose } = open(cpu[0]);
  assertEquals(await detectImages(model, [], { config, batchSize: 4 }), []);
  for (const batchSize of [0, 1.5, NaN]) {
    await assertRejects(() => detectImages(model, IMAGES, { config, batchSize }), DinogradError, `found ${batchSize}`);
  }
  await assertRejects(() => detectImage(model, IMAGES[0], { config, tile: { size: 1 } }), DinogradError, "found 1");
  dispose();
});
