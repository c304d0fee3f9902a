import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { EVAL_DEFAULTS, type EvalOptions } from "../../../detector/config/mod.ts";
import { readImage } from "../../../detector/data/mod.ts";
import { evaluateDetections } from "../../../detector/eval/mod.ts";
import { evaluateCheckpoint } from "../../../detector/eval/evaluate_checkpoint.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { tinyConfig, writeTinyModel } from "../../helpers/tiny_model.ts";
import { TestUi } from "../../helpers/tiny_training.ts";
import { madeOnce } from "../../helpers/made_once.ts";

const IMAGES = [
  { id: 3, width: 60, height: 40, objects: [{ category_id: 1, bbox: [5, 5, 20, 20], area: 400, iscrowd: 0 }] },
  { id: 8, width: 40, height: 60, objects: [{ category_id: 2, bbox: [10, 20, 25, 30], area: 750, iscrowd: 0 }] },
];

const prepared = madeOnce(async (folder) => {
  await writeTinyModel(`${folder}/model.dino`);
  await writeTinySplit(folder, "val", { images: IMAGES });
});

function options(folder: string, changes: Partial<EvalOptions>): EvalOptions {
  return {
    ...EVAL_DEFAULTS,
    device: "cpu",
    threads: 1,
    numWorkers: 0,
    checkpoint: `${folder}/model.dino`,
    cocoPath: folder,
    outputDir: `${folder}/out`,
    ...changes,
  };
}

Deno.test("a report draws the worst images, truth beside detections, and lists the images that were looked at alone", async () => {
  await prepared(async (folder) => {
    await evaluateCheckpoint(options(folder, { report: `${folder}/report`, outputDir: "" }), new TestUi());
    const { worstImages } = await readJson(`${folder}/report/report.json`);
    assertEquals(worstImages.map(({ imageId }: { imageId: number }) => imageId).toSorted(), [3, 8]);
    const drawn = [...Deno.readDirSync(`${folder}/report/worst`)].map(({ name }) => name).sort();
    assertEquals(drawn.map((name) => name.replace(/^\d+_/, "")).sort(), ["image_3.jpg", "image_8.jpg"]);
    for (const name of drawn) {
      const { width, height } = await readImage(`${folder}/report/worst/${name}`);
      assert(width > height, "expected two pictures side by side"); // also of an image that is higher than wide
    }
  });
});

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

Deno.test("an evaluation keeps its numbers and losses, and every image's truth and detections", async () => {
  await prepared(async (folder) => {
    const evaluation = await evaluateCheckpoint(options(folder, { saveResults: true }), new TestUi());
    if (!evaluation) throw new Error("expected an evaluation but found none");
    const kept = await readJson(`${folder}/out/eval.json`);
    assertEquals(kept.stats, evaluation.stats);
    assertEquals(kept.losses, evaluation.losses);
    assert(kept.losses.loss > 0 && kept.losses.loss_giou > 0);
    const results = await readJson(`${folder}/out/results.json`);
    assertEquals(results.map((entry: { image_id: number }) => entry.image_id), [3, 8]);
    assertEquals(results[0].truth, [{ label: 1, name: "one", box: [5, 5, 25, 25] }]);
    assertEquals(results[0].detections.length, 12);
    const logged = JSON.parse((await Deno.readTextFile(`${folder}/out/log.txt`)).trim());
    assertEquals(logged.test_coco_eval_bbox, Object.values(evaluation.stats));
    assertEquals(logged.test_loss, evaluation.losses.loss);
    const truth = await readJson(`${folder}/annotations/instances_val2017.json`);
    assertEquals(evaluateDetections(truth, evaluation.detections).stats, evaluation.stats);
  });
});

Deno.test("the averaged weights give other numbers than the weights", async () => {
  await prepared(async (folder) => {
    const without = { outputDir: "" };
    const regular = await evaluateCheckpoint(options(folder, without), new TestUi());
    const again = await evaluateCheckpoint(options(folder, { ...without, numWorkers: 1 }), new TestUi());
    assertEquals(again?.losses, regular?.losses, "workers change no number");
    const average = await evaluateCheckpoint(options(folder, { ...without, useEma: true }), new TestUi());
    assert(regular && average && regular.losses.loss !== average.losses.loss);
  });
});

Deno.test("--test writes a COCO results file of the test images and evaluates nothing", async () => {
  await prepared(async (folder) => {
    await Deno.rename(`${folder}/val2017`, `${folder}/test2017`);
    await Deno.rename(
      `${folder}/annotations/instances_val2017.json`,
      `${folder}/annotations/image_info_test-dev2017.json`,
    );
    assertEquals(await evaluateCheckpoint(options(folder, { test: true }), new TestUi()), null);
    const detections = await readJson(`${folder}/out/results0.json`);
    assertEquals(detections.length, 2 * 12);
    assertEquals(Object.keys(detections[0]).sort(), ["bbox", "category_id", "image_id", "score"]);
    assert(detections.every(({ bbox: [, , width, height] }: { bbox: number[] }) => width > 0 && height > 0));
  });
});

Deno.test("an image that is too thin for the model is named by an evaluation, with and without truth", async () => {
  await prepared(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`, { config: tinyConfig({ num_queries: 30 }) });
    // Resized to 1 x 100 it has 13 + 7 + 4 tokens.
    await writeTinySplit(folder, "val", { images: [...IMAGES, { id: 9, width: 2, height: 200 }] });
    const refusal = (changes: Partial<EvalOptions>) =>
      assertRejects(() => evaluateCheckpoint(options(folder, changes), new TestUi()), DinogradError);
    assertMatch((await refusal({})).message, /^image 9: num_queries: .*\(24\)/);
    await Deno.rename(`${folder}/val2017`, `${folder}/test2017`);
    await Deno.rename(
      `${folder}/annotations/instances_val2017.json`,
      `${folder}/annotations/image_info_test-dev2017.json`,
    );
    assertMatch((await refusal({ test: true })).message, /^image 9: num_queries: .*\(24\)/);
  });
});
