import { assertEquals, assertMatch, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import type { Batch } from "../../../detector/data/batch.ts";
import { openDataset } from "../../../detector/data/coco.ts";
import { Loader, type LoaderOptions } from "../../../detector/data/loader.ts";
import { cocoTransforms, type TransformSpec } from "../../../detector/data/transform_spec.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { folderOfFile, inFolder } from "../../helpers/in_folder.ts";

const TRANSFORMS: TransformSpec = cocoTransforms(true, {
  scales: [24, 28, 32, 36],
  maxSize: 60,
  cropScales: [30, 40],
  cropSizes: [16, 30],
  strongAugmentation: true,
});
const OPTIONS: LoaderOptions = { batchSize: 3, seed: 1, workers: 0, transforms: TRANSFORMS, training: true };

const folder = await folderOfFile();
await writeTinySplit(folder, "train", {
  images: Array.from({ length: 11 }, (_, at) => ({
    id: at * 3 + 2,
    width: 30 + 5 * (at % 3),
    height: 40 - 4 * (at % 4),
    objects: [{ category_id: 1, bbox: [5, 5, 10, 12] }, { category_id: 2, bbox: [15, 20, 10, 8] }],
  })),
});
const dataset = await openDataset(folder, "train");

async function collect(options: LoaderOptions, from: { epoch?: number; fromSample?: number } = {}): Promise<Batch[]> {
  using loader = new Loader(dataset, options);
  return await Array.fromAsync(loader.epoch(from.epoch ?? 0, { fromSample: from.fromSample }));
}

Deno.test("batches are the same to the bit with 0, 1 and 4 workers", async () => {
  const alone = await collect(OPTIONS);
  assertEquals(alone.length, 3);
  for (const workers of [1, 4]) assertEquals(await collect({ ...OPTIONS, workers }), alone);
});

Deno.test("an epoch continued from a cursor gives the batches that were still to come", async () => {
  const whole = await collect(OPTIONS, { epoch: 4 });
  for (const workers of [0, 2]) {
    assertEquals(await collect({ ...OPTIONS, workers }, { epoch: 4, fromSample: whole[0].nextSample }), whole.slice(1));
  }
});

Deno.test("augmentation differs between epochs and seeds", async () => {
  const [first] = await collect({ ...OPTIONS, batchSize: 11 });
  const [second] = await collect({ ...OPTIONS, batchSize: 11 }, { epoch: 1 });
  const byId = (batch: Batch) => new Map(batch.targets.map((target) => [target.imageId, target.size]));
  const sizes = [byId(first), byId(second)];
  assertEquals([...sizes[0].keys()].sort(), [...sizes[1].keys()].sort());
  assertNotEquals([...sizes[0]].sort(), [...sizes[1]].sort());
});

Deno.test("a batch is padded to its largest image and the mask marks the padding", async () => {
  for (const { images, mask, shape: [count, , height, width], targets } of await collect(OPTIONS)) {
    assertEquals(height, Math.max(...targets.map(({ size }) => size[0])));
    assertEquals(width, Math.max(...targets.map(({ size }) => size[1])));
    for (let at = 0; at < count; at++) {
      const [rows, columns] = targets[at].size;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const padding = y >= rows || x >= columns;
          assertEquals(mask[(at * height + y) * width + x], padding ? 1 : 0);
          if (padding) assertEquals(images[((at * 3 + 1) * height + y) * width + x], 0);
        }
      }
    }
  }
});

Deno.test("evaluation keeps the order and the last incomplete batch", async () => {
  const batches = await collect({
    ...OPTIONS,
    training: false,
    workers: 2,
    transforms: cocoTransforms(false, { scales: [32] }),
  });
  assertEquals(batches.flatMap(({ targets }) => targets.map(({ imageId }) => imageId)), [...dataset.imageIds]);
  assertEquals(batches.at(-1)?.shape[0], 2);
  assertEquals(batches.map(({ nextSample }) => nextSample), [3, 6, 9, 11]);
});

Deno.test("an image that cannot be read stops the epoch when its batch is due, with the file's name", () =>
  inFolder(async (copy) => {
    await writeTinySplit(copy, "val", { images: [2, 4, 6, 8, 10].map((id) => ({ id, width: 32, height: 32 })) });
    await Deno.writeTextFile(`${copy}/val2017/8.jpg`, "this is no image");
    const broken = await openDataset(copy, "val");
    for (const workers of [0, 2]) {
      using loader = new Loader(broken, { ...OPTIONS, batchSize: 1, training: false, workers });
      const seen: number[] = [];
      const error = await assertRejects(async () => {
        for await (const batch of loader.epoch(0)) seen.push(batch.targets[0].imageId);
      }, DinogradError);
      assertEquals(seen, [2, 4, 6]);
      assertEquals(error.kind, "data");
      assertEquals(
        error.message,
        `cannot decode image ${copy}/val2017/8.jpg: it is no JPEG, PNG, WebP, BMP or TIFF file`,
      );
    }
  }));

Deno.test("bad images are left out of their batches where that is allowed, and of several the first is the error where not", () =>
  inFolder(async (copy) => {
    await writeTinySplit(copy, "val", { images: [2, 4, 6, 8, 10].map((id) => ({ id, width: 32, height: 32 })) });
    const good = await openDataset(copy, "val");
    const collectFrom = async (changes: Partial<LoaderOptions>) => {
      using loader = new Loader(good, { ...OPTIONS, batchSize: 2, training: false, ...changes });
      return await Array.fromAsync(loader.epoch(0));
    };
    const whole = await collectFrom({ batchSize: 1 });
    for (const id of [4, 6, 8]) await Deno.writeTextFile(`${copy}/val2017/${id}.jpg`, "this is no image");
    await Deno.remove(`${copy}/val2017/6.jpg`);
    for (const workers of [0, 1, 3]) {
      const [first, second, last] = await collectFrom({ workers, skipBad: true });
      assertEquals(first, { ...whole[0], nextSample: 2, skipped: first.skipped });
      assertEquals(last, { ...whole[4], nextSample: 5 });
      assertEquals([second.shape, second.images.length, second.targets, second.nextSample], [[0, 3, 0, 0], 0, [], 4]);
      assertEquals(second.skipped, [
        { imageId: 6, reason: `${copy}/val2017/6.jpg: expected to read it but there is no such file or folder` },
        { imageId: 8, reason: `cannot decode image ${copy}/val2017/8.jpg: it is no JPEG, PNG, WebP, BMP or TIFF file` },
      ]);
      const error = await assertRejects(() => collectFrom({ workers, batchSize: 5 }), DinogradError);
      assertMatch(error.message, /val2017\/4\.jpg/);
    }
  }));

Deno.test("leaving an epoch early and starting another gives that one's batches", async () => {
  using loader = new Loader(dataset, { ...OPTIONS, workers: 2, batchSize: 1 });
  for await (const batch of loader.epoch(0)) {
    if (batch.nextSample === 3) break;
  }
  assertEquals(await Array.fromAsync(loader.epoch(1)), await collect({ ...OPTIONS, batchSize: 1 }, { epoch: 1 }));
});

Deno.test("processes share an epoch's batches", async () => {
  const whole = await collect({ ...OPTIONS, batchSize: 4 });
  const [first, second] = await Promise.all(
    [0, 1].map((rank) => collect({ ...OPTIONS, batchSize: 2, rank, world: 2 })),
  );
  const ids = (batches: Batch[], at: number) => batches[at].targets.map(({ imageId }) => imageId);
  assertEquals([...ids(first, 0), ...ids(second, 0)], ids(whole, 0));
  assertEquals(first[0].nextSample, whole[0].nextSample);
});

Deno.test("a training set smaller than one batch is refused", () => {
  const error = assertThrows(() => new Loader(dataset, { ...OPTIONS, batchSize: 12 }), DinogradError);
  assertEquals(error.kind, "data");
});

Deno.test("loading works from any working directory", async () => {
  const script = `
    import { Loader } from ${JSON.stringify(new URL("../../../detector/data/loader.ts", import.meta.url).href)};
    import { openDataset } from ${JSON.stringify(new URL("../../../detector/data/coco.ts", import.meta.url).href)};
    using loader = new Loader(await openDataset(${JSON.stringify(folder)}, "train"), ${
    JSON.stringify({ ...OPTIONS, workers: 1 })
  });
    for await (const batch of loader.epoch(0)) console.log(batch.nextSample);`;
  await inFolder(async (elsewhere) => {
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--config",
        config,
        `data:application/typescript,${encodeURIComponent(script)}`,
      ],
      cwd: elsewhere,
    });
    const { stdout, stderr } = await child.output();
    assertEquals(
      new TextDecoder().decode(stdout).trim().split("\n"),
      ["3", "6", "9"],
      new TextDecoder().decode(stderr),
    );
  });
});

const MIXED: LoaderOptions = {
  ...OPTIONS,
  batchSize: 4,
  transforms: {
    ...TRANSFORMS,
    steps: [
      { kind: "quarterTurn", probability: 0.5 },
      { kind: "rotate", degrees: 20, minVisible: 0.2 },
      { kind: "scaleJitter", smallest: 0.5, largest: 1.5, minVisible: 0.2 },
      ...TRANSFORMS.steps,
      { kind: "colourChange", brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 },
    ],
    mixes: { mosaic: 0.6, copyPaste: 0.5, mixup: 0.5, minVisible: 0.2 },
  },
  factors: Array.from({ length: 11 }, (_, at) => at < 3 ? 2.5 : 1),
};

Deno.test("mixed samples are the same to the bit with any number of workers and from any cursor, and end when they are told to", async () => {
  const whole = await collect(MIXED, { epoch: 2 });
  assertEquals(whole.length, 3);
  assertEquals(await collect({ ...MIXED, workers: 3 }, { epoch: 2 }), whole);
  assertEquals(await collect(MIXED, { epoch: 2, fromSample: whole[0].nextSample }), whole.slice(1));
  assertNotEquals(await collect({ ...MIXED, seed: 2 }, { epoch: 2 }), whole);
  const objects = (batches: Batch[]) => batches.flatMap(({ targets }) => targets.map(({ labels }) => labels.length));
  assertEquals(objects(whole).some((count) => count > 2), true);
  const unmixed = await collect({ ...MIXED, mixUntil: 2 }, { epoch: 2 });
  assertEquals(objects(unmixed).every((count) => count <= 2), true);
  const { mixes: _, ...transforms } = MIXED.transforms;
  assertEquals(await collect({ ...MIXED, transforms }, { epoch: 2 }), unmixed);
});

Deno.test("an image that comes again in an epoch is augmented anew, and the first time as if it did not", async () => {
  const once = await collect({ ...OPTIONS, batchSize: 1 });
  const twice = await collect({ ...OPTIONS, batchSize: 1, factors: new Array(11).fill(2) });
  assertEquals(twice.length, 22);
  const byImage = Map.groupBy(twice, ({ targets: [target] }) => target.imageId);
  for (const { images, targets: [{ imageId }] } of once) {
    const turns = byImage.get(imageId) ?? [];
    assertEquals(turns.length, 2);
    assertEquals(turns[0].images, images);
    assertNotEquals(turns[1].images, images);
  }
});

Deno.test("a partner that cannot be read is an error that names it, or is done without where bad images are skipped", async () => {
  const path = `${folder}/train2017/5.png`;
  const bytes = await Deno.readFile(path);
  await Deno.writeFile(path, bytes.subarray(0, 40));
  try {
    await assertRejects(() => collect({ ...MIXED, factors: undefined }), DinogradError, "5.png");
    const skipping = { ...MIXED, batchSize: 11, skipBad: true, factors: undefined };
    const [batch] = await collect(skipping);
    assertEquals([batch.targets.length, batch.skipped?.map(({ imageId }) => imageId)], [10, [5]]);
    assertEquals(await collect({ ...skipping, workers: 2 }), [batch]);
  } finally {
    await Deno.writeFile(path, bytes);
  }
});
