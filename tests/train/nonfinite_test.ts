import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openBundle } from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../helpers/tiny_training.ts";

Deno.test("a loss that is not finite stops the run, names step, images and the last sound bundle, and harms nothing", async () => {
  const root = await Deno.makeTempDir();
  try {
    const cocoPath = await writeTinyCoco(`${root}/coco`);
    const outputDir = `${root}/run`;
    // So large a step overflows the weights; the next loss shows it.
    const config = tinyTrainingConfig({ lr: 1e37, lr_backbone: 1e37, clip_max_norm: 0 });
    const options = tinyTrainOptions({ outputDir, cocoPath, config }, { saveEverySteps: 1 });
    const error = await assertRejects(() => runTraining(options), DinogradError);
    assertEquals(error.kind, "nonfinite");
    const step = Number(/^step (\d+): .*expected .*finite/.exec(error.message)?.[1]);
    assert(step >= 1, error.message);
    assertStringIncludes(error.message, `${outputDir}/checkpoint.dino`);
    const file = `${outputDir}/nonfinite_step${step}.json`;
    assertStringIncludes(error.message, file);
    const { images } = JSON.parse(await Deno.readTextFile(file));
    assertEquals(images.length, config.batch_size);
    for (const id of images) assert(Number.isInteger(id) && id >= 1 && id <= 6, `${id}`);
    await using bundle = await openBundle(`${outputDir}/checkpoint.dino`);
    assertEquals((await bundle.verify()).problems, []);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
