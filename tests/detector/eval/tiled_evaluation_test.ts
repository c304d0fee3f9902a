/** `eval --tile` says of a model what `detect --tile` finds: compared with that, through files, by the evaluator of files. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DETECT_DEFAULTS, EVAL_DEFAULTS, type EvalOptions } from "../../../detector/config/mod.ts";
import { type CocoDetection, evaluateDetections, parseCocoAnnotations } from "../../../detector/eval/mod.ts";
import { evaluateCheckpoint } from "../../../detector/eval/evaluate_checkpoint.ts";
import { detect } from "../../../detector/inference/detect.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { madeOnce } from "../../helpers/made_once.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { TINY_CLASSES, writeTinyModel } from "../../helpers/tiny_model.ts";
import { TestUi } from "../../helpers/tiny_training.ts";

const TILE = { size: 80, overlap: 0.25, whole: true, merge: "wbf", iou: 0.4 } as const;
const SHARED = { device: "cpu", threads: 1, numWorkers: 0 } as const;
/** Objects in each image: the best that tiles give, where a class is told once. */
const OBJECTS = 4;
const annotationsIn = (folder: string) => `${folder}/annotations/instances_val2017.json`;
const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

/** What `detect --tile` finds, as COCO's results. */
async function detectedIn(folder: string): Promise<CocoDetection[]> {
  const options = { ...DETECT_DEFAULTS, ...SHARED, threshold: 0, tile: TILE, format: "coco" as const };
  const where = { images: [`${folder}/val2017`], out: `${folder}/found`, imagesOf: annotationsIn(folder) };
  await detect({ ...options, ...where, checkpoint: `${folder}/model.dino` }, new TestUi());
  return await readJson(`${folder}/found/results.json`);
}

/** Large images whose objects are what the model sees in their tiles. */
const prepared = madeOnce(async (folder) => {
  await writeTinyModel(`${folder}/model.dino`);
  const images = [{ id: 3, width: 200, height: 130 }, { id: 8, width: 110, height: 160 }, {
    id: 9,
    width: 50,
    height: 60,
  }];
  await writeTinySplit(folder, "val", { images, categories: TINY_CLASSES });
  const found = await detectedIn(folder);
  const annotations = images.flatMap(({ id }) => {
    const best = found.filter(({ image_id, category_id }) =>
      image_id === id && TINY_CLASSES.some((one) => one.id === category_id)
    ).slice(0, OBJECTS);
    return best.map(({ category_id, bbox }) => ({
      image_id: id,
      category_id,
      bbox,
      area: bbox[2] * bbox[3],
      iscrowd: 0,
    }));
  }).map((one, at) => ({ id: at + 1, ...one }));
  const listed = await readJson(annotationsIn(folder));
  await Deno.writeTextFile(annotationsIn(folder), JSON.stringify({ ...listed, annotations }));
});

const evaluate = (folder: string, changes: Partial<EvalOptions> = {}, ui = new TestUi()) =>
  evaluateCheckpoint(
    { ...EVAL_DEFAULTS, ...SHARED, checkpoint: `${folder}/model.dino`, cocoPath: folder, ...changes },
    ui,
  );

Deno.test("the numbers are those of what detect finds in the same tiles, whatever the batch, and not those of whole images", () =>
  prepared(async (folder) => {
    const truth = parseCocoAnnotations(await Deno.readTextFile(annotationsIn(folder)), "truth");
    const expected = evaluateDetections(truth, await detectedIn(folder));
    const tiled = await evaluate(folder, { tile: TILE, outputDir: `${folder}/out`, report: `${folder}/report` });
    assertEquals(tiled?.stats, expected.stats);
    assertEquals(tiled?.perCategory, expected.perCategory);
    assertEquals(tiled?.losses, {});
    assert(expected.stats.AP > 0.5, `${expected.stats.AP}`);
    const kept = await readJson(`${folder}/out/eval.json`);
    assertEquals([kept.stats, kept.tile, kept.losses], [expected.stats, TILE, {}]);
    assert((await readJson(`${folder}/report/report.json`)).worstImages.length > 0);
    const five = await evaluate(folder, { tile: TILE, batchSize: 5 });
    assertEquals([five?.stats, five?.detections], [tiled?.stats, tiled?.detections]);
    const whole = await evaluate(folder);
    assert(whole!.stats.AP < expected.stats.AP / 2, `${whole!.stats.AP}`); // nor do other tiles
    assert((await evaluate(folder, { tile: { size: 100 } }))!.stats.AP < expected.stats.AP / 2);
  }));

Deno.test("images that cannot be read end it by name or are left out, a request to stop and --debug are heard", () =>
  prepared(async (folder) => {
    await Deno.writeTextFile(`${folder}/val2017/8.jpg`, "no picture");
    const error = await assertRejects(() => evaluate(folder, { tile: TILE }), DinogradError);
    assertEquals(error.kind, "data");
    assertMatch(error.message, /8\.jpg/);
    const ui = new TestUi();
    const rest = await evaluate(folder, { tile: TILE, skipBadImages: true }, ui);
    assertEquals(rest?.skipped.map(({ imageId }) => imageId), [8]);
    assert(rest!.detections.every(({ image_id }) => image_id !== 8));
    assertMatch(ui.warnings.join("\n"), /1 image was left out of the numbers/);
    const stopped = Object.assign(new TestUi(), { stop: AbortSignal.abort() });
    assertEquals(await evaluate(folder, { tile: TILE, skipBadImages: true }, stopped), null);
  }));

Deno.test("with --test the results file is the one that detect writes", () =>
  prepared(async (folder) => {
    await Deno.rename(`${folder}/val2017`, `${folder}/test2017`);
    const { images, categories } = await readJson(annotationsIn(folder));
    const info = `${folder}/annotations/image_info_test-dev2017.json`;
    await Deno.writeTextFile(info, JSON.stringify({ images, categories }));
    assertEquals(await evaluate(folder, { tile: TILE, test: true, outputDir: `${folder}/out` }), null);
    await Deno.rename(`${folder}/test2017`, `${folder}/val2017`);
    const byImage = (results: CocoDetection[]) => results.toSorted((a, b) => a.image_id - b.image_id);
    assertEquals(byImage(await readJson(`${folder}/out/results0.json`)), byImage(await detectedIn(folder)));
  }));
