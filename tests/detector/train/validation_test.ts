/**
 * The numbers of the training log are the model's: those that `eval` gives for the saved bundle, whatever the batch size
 * of the training. Tried on images of several sizes with crowds and with gaps between the ids of classes.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { inFolder } from "../../helpers/in_folder.ts";
import { runCli } from "../../helpers/run_cli.ts";
import { type TinyImage, writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions } from "../../helpers/tiny_training.ts";

const CLASSES = [{ id: 1, name: "one" }, { id: 5, name: "five" }, { id: 9, name: "nine" }];

/** Wide, tall and square images, the widest of which pads all the others. */
const IMAGES: readonly TinyImage[] = [[128, 64], [64, 120], [72, 72], [96, 64], [64, 64]].map(([width, height], i) => ({
  id: 10 + i,
  width,
  height,
  objects: [
    { category_id: 5, bbox: [4, 4, width - 12, height - 10] },
    { category_id: i % 2 ? 1 : 9, bbox: [width / 2, 2, width / 2 - 4, height - 4], iscrowd: i === 2 ? 1 : 0 },
  ],
}));

const CONFIG = tinyTrainingConfig({
  ...{ num_classes: 10, dn_labelbook_size: 10, batch_size: 5, epochs: 3, dropout: 0 },
  ...{ lr: 0.004, lr_backbone: 0.004, warmup_steps: 0, lr_drop_fraction: null, lr_drop: 40, ema_decay: 0.5 },
  ...{ data_aug_scales: [64], data_aug_max_size: 160 },
});

Deno.test("the numbers in the training log are those of eval for the saved bundle, for weights and average alike", () =>
  inFolder(async (folder) => {
    const cocoPath = `${folder}/coco`;
    const again = (times: number) =>
      Array.from({ length: times }, (_, k) => IMAGES.map((i) => ({ ...i, id: 10 * k + i.id }))).flat();
    await writeTinySplit(cocoPath, "train", { images: again(5), categories: CLASSES });
    await writeTinySplit(cocoPath, "val", { images: IMAGES, categories: CLASSES });
    const outputDir = `${folder}/run`;
    await runTraining(tinyTrainOptions({ outputDir, cocoPath, config: CONFIG }));
    const log = (await Deno.readTextFile(`${outputDir}/log.txt`)).trim().split("\n").map((line) => JSON.parse(line));
    const last = log.at(-1);
    const evaluate = async (...more: string[]) => {
      const result = await runCli([
        ...["eval", "--checkpoint", `${outputDir}/checkpoint.dino`, "--coco_path", cocoPath, "--json"],
        ...["--output_dir", `${folder}/eval`, "--device", "cpu", "--threads", "2", ...more],
      ]);
      assertEquals(result.code, 0, result.stderr);
      const { losses } = JSON.parse(await Deno.readTextFile(`${folder}/eval/eval.json`));
      return { stats: Object.values(JSON.parse(result.stdout).stats), losses };
    };
    const regular = await evaluate();
    assertEquals(last.test_coco_eval_bbox, regular.stats);
    assertEquals(last.test_loss, regular.losses.loss);
    assertEquals(last.ema_test_coco_eval_bbox, (await evaluate("--ema")).stats);
    assertNotEquals(last.ema_test_coco_eval_bbox, last.test_coco_eval_bbox);
    assert(last.test_coco_eval_bbox[0] > 0.02, "a model that finds something");
  }));
