/** Training and evaluating on images that a program has: what a folder of the same images gives, and exact on resume. */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { encodePng, memoryDataset, type MemoryImage } from "../../../detector/data/mod.ts";
import { evaluateCheckpoint } from "../../../detector/eval/evaluate_checkpoint.ts";
import { train } from "../../../detector/train/trainer.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { ShapeError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { TINY_CLASSES } from "../../helpers/tiny_model.ts";
import { digestIn, TestUi, tinyTrainingConfig, tinyTrainOptions } from "../../helpers/tiny_training.ts";

function picture(seed: number): MemoryImage {
  const [width, height] = [72, 64 + 4 * (seed % 3)];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7 + seed * 31) % 251);
  const objects = [{ category_id: 1 + seed % 3, bbox: [4 + seed, 6, 30, 24] }];
  return { image: { width, height, data }, objects };
}

const pictures = Array.from({ length: 8 }, (_, seed) => picture(seed));
const setsOf = (images = pictures) => ({
  train: memoryDataset("train", images.slice(0, 6), { categories: TINY_CLASSES }),
  val: memoryDataset("val", images.slice(6), { categories: TINY_CLASSES }),
});

/** The same images as a folder of PNG files. */
async function asFolder(root: string): Promise<void> {
  for (const [split, set] of Object.entries(setsOf())) {
    await Deno.mkdir(`${root}/${split}2017`, { recursive: true });
    await Deno.mkdir(`${root}/annotations`, { recursive: true });
    const { images, annotations, categories } = set.groundTruth;
    const file = {
      images: images.map(({ id, size }) => ({ id, file_name: `${id}.png`, ...size })),
      ...{ annotations, categories },
    };
    await Deno.writeTextFile(`${root}/annotations/instances_${split}2017.json`, JSON.stringify(file));
    for (let at = 0; at < set.length; at++) {
      await Deno.writeFile(`${root}/${split}2017/${at + 1}.png`, encodePng(set.entry(at).image!)); // they are in memory
    }
  }
}

/** The weights at the end of a run; digests of whole bundles differ by what they record of the data. */
async function lossesOf(folder: string): Promise<string[]> {
  const text = await Deno.readTextFile(`${folder}/log.txt`);
  return text.trim().split("\n").map((line) => {
    const { train_loss, test_coco_eval_bbox } = JSON.parse(line);
    return JSON.stringify([train_loss, test_coco_eval_bbox]);
  });
}

Deno.test("images in memory train as the same images in a folder, in workers too, and evaluate alike", async () => {
  await inFolder(async (folder) => {
    await asFolder(`${folder}/coco`);
    const config = tinyTrainingConfig();
    const options = (name: string) => tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath: null, config });
    await train({ ...options("files"), cocoPath: `${folder}/coco` }, new TestUi());
    await train({ ...options("memory"), data: setsOf(), numWorkers: 1 }, new TestUi());
    const expected = await lossesOf(`${folder}/files`);
    assertEquals(await lossesOf(`${folder}/memory`), expected);
    const checkpoint = `${folder}/memory/checkpoint.dino`;
    const [inMemory, inFiles] = [
      await evaluateCheckpoint({ checkpoint, dataset: setsOf().val, device: "cpu", numWorkers: 0 }),
      await evaluateCheckpoint({ checkpoint, cocoPath: `${folder}/coco`, device: "cpu", numWorkers: 0 }),
    ];
    assertEquals(inMemory?.stats, inFiles?.stats);
    assertEquals(inMemory?.losses, inFiles?.losses);
  });
});

Deno.test("a run on images in memory that was stopped goes on as if it had not been, and knows its images", async () => {
  await inFolder(async (folder) => {
    const config = tinyTrainingConfig();
    const options = (name: string) => tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath: null, config });
    await train({ ...options("straight"), data: setsOf() }, new TestUi());
    await train({ ...options("stopped"), data: setsOf() }, new TestUi({ stopAfter: 2 }));
    const again = { ...options("stopped"), config: null, resume: "auto" };
    await assertRejects(() => train(again, new TestUi()), DinogradError, "expected --coco_path but found none");
    await train({ ...again, data: setsOf() }, new TestUi());
    assertEquals(await digestIn(`${folder}/stopped`), await digestIn(`${folder}/straight`));

    await train({ ...options("other"), data: setsOf() }, new TestUi({ stopAfter: 2 }));
    const changed = pictures.with(0, { ...pictures[0], image: picture(3).image });
    const ui = new TestUi();
    await train({ ...options("other"), config: null, resume: "auto", data: setsOf(changed) }, ui);
    assert(ui.warnings.some((line) => line.includes("SHA-256")), ui.warnings.join("\n"));
  });
});

Deno.test("wrong images and objects are refused in one line", async () => {
  const make = (image: MemoryImage) => memoryDataset("train", [image], { categories: TINY_CLASSES });
  const [{ image }] = pictures;
  assertThrows(() => memoryDataset("train", [], { categories: TINY_CLASSES }), DinogradError, "no images");
  assertThrows(() => make({ image: { ...image, width: 9 }, objects: [] }), ShapeError);
  assertThrows(
    () => make({ image, objects: [{ category_id: 1, bbox: [1, 2, 3] }] }),
    DinogradError,
    "object 1 of image 1",
  );
  assertThrows(() => make({ image, objects: [{ category_id: 9, bbox: [1, 2, 3, 4] }] }), DinogradError, "found 9");
  const error = await assertRejects(() => evaluateCheckpoint({ checkpoint: "x.dino" }), DinogradError);
  assertStringIncludes(error.message, "expected cocoPath or dataset");
});
