/**
 * Everything that changes what is seen and how much it counts, turned on at once: a run that is stopped and resumed is
 * still the run that was not, and none of it is there unless it is asked for.
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { examine } from "../../../commands/doctor.ts";
import type { DinoConfig } from "../../../detector/config/mod.ts";
import { formatJsonConfig } from "../../../detector/config/mod.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { TINY_CLASSES } from "../../helpers/tiny_model.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { digestIn, runTraining, TestUi, tinyTrainingConfig, tinyTrainOptions } from "../../helpers/tiny_training.ts";

const ALL: Partial<DinoConfig> = {
  ...{ aug_hflip: 0.4, aug_vflip: 0.3, aug_rot90: 0.3, aug_rotate: 10, aug_scale_jitter: [0.7, 1.3] },
  ...{ aug_brightness: 0.2, aug_contrast: 0.2, aug_saturation: 0.2, aug_hue: 0.02 },
  ...{ aug_mosaic: 0.5, aug_mixup: 0.4, aug_copy_paste: 0.5, aug_mix_off: 1 },
  ...{ repeat_threshold: 0.5, class_balance_beta: 0.9, eval_every: 2, patience: 5 },
};

/** Six images; class 3 is in one of them. */
async function writeRare(folder: string): Promise<string> {
  const image = (id: number, rare: boolean) => ({
    ...{ id, width: 64 + 4 * id, height: 72 - 2 * id },
    objects: [
      { category_id: 1 + id % 2, bbox: [5, 8, 30, 25] },
      ...(rare ? [{ category_id: 3, bbox: [20, 20, 30, 40] }] : []),
    ],
  });
  const train = [1, 2, 3, 4, 5, 6].map((id) => image(id, id === 4));
  await writeTinySplit(folder, "train", { images: train, categories: TINY_CLASSES });
  return await writeTinySplit(folder, "val", { images: [image(11, false)], categories: TINY_CLASSES });
}

Deno.test("with every augmentation, repeated images and weighted classes a run that stops at every step is the straight one", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeRare(`${folder}/coco`);
    const config = tinyTrainingConfig({ ...ALL, epochs: 3, batch_size: 3, use_ema: false });
    const options = (name: string) => tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath, config });
    const { ui, result } = await runTraining(options("straight"));
    assertEquals(result.step, 6); // sqrt(0.5 / (1/6)) = 1.73: six samples and a half
    const said = ui.lines.join("\n");
    assertMatch(said, /\naugmentation: recipe cards, aug_hflip=0\.4, .*aug_mosaic=0\.5, .*aug_mix_off=1\n/);
    assertStringIncludes(
      said,
      "repeat_threshold=0.5: an epoch has 6 samples of 6 images; 1 image comes more than once, up to 1.73 times",
    );
    assertMatch(said, /\nclass_balance_beta=0\.9: objects count from [\d.]+ \(\w+\) to [\d.]+ \(three\)\n/);
    const circumstances = [{ numWorkers: 0 }, { numWorkers: 2, threads: 2 }];
    let isFinished = false;
    for (let part = 0; !isFinished; part++) {
      const resume = part === 0 ? null : "auto";
      const again = { ...options("stopped"), config: part === 0 ? config : null, resume, ...circumstances[part % 2] };
      isFinished = (await runTraining(again, { stopAfter: 1 })).result.finished;
    }
    assertEquals(await digestIn(`${folder}/stopped`), await digestIn(`${folder}/straight`));
    const dry = await runTraining({ ...options("dry"), dryRun: true });
    assertMatch(dry.ui.lines.join("\n"), /\naugmentation: recipe cards, .*\nrepeat_threshold=0\.5: an epoch has 6/);
    // What was recorded wins over another wish, which is told.
    const other = await runTraining({
      ...options("stopped"),
      ...{ resume: "auto", config: { ...config, aug_mosaic: 0.1, class_balance_beta: 0 } },
    });
    assert(
      other.ui.warnings.some((line) => /^aug_mosaic: the checkpoint's 0\.5 wins over 0\.1; --override/.test(line)),
    );
    assert(other.ui.warnings.some((line) => line.startsWith("class_balance_beta: the checkpoint's 0.9 wins over 0;")));
  }));

Deno.test("each of them makes another run", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeRare(`${folder}/coco`);
    const digestOf = async (name: string, changes: Partial<DinoConfig>) => {
      const config = tinyTrainingConfig({ epochs: 1, batch_size: 3, max_steps: 1, use_ema: false, ...changes });
      const { ui } = await runTraining(tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath, config }));
      const [line] = Deno.readTextFileSync(`${folder}/${name}/trace.jsonl`).split("\n");
      return { loss: JSON.parse(line).loss, warnings: ui.warnings };
    };
    const plain = await digestOf("plain", {});
    for (const changes of [{ aug_hue: 0.3 }, { aug_mosaic: 1 }, { class_balance_beta: 0.9 }, { aug_rot90: 1 }]) {
      assertNotEquals((await digestOf(Object.keys(changes)[0], changes)).loss, plain.loss, JSON.stringify(changes));
    }
    const idle = await digestOf("idle", { aug_mosaic: 1, aug_mix_off: 5, repeat_threshold: 0.01 });
    assertEquals(idle.loss, plain.loss);
    assertEquals(idle.warnings.filter((line) => /^(aug|repeat)/.test(line)), [
      "aug_mix_off=5: nothing is mixed, for the run has 1 epoch",
      "repeat_threshold=0.01 repeats no image: every class is in a larger share of them",
    ]);
    const config = `${folder}/config.json`;
    await Deno.writeTextFile(config, formatJsonConfig(tinyTrainingConfig({ ...ALL, batch_size: 3 })));
    const { findings } = await examine({ coco_path: cocoPath, config_file: config, device: "cpu" }, new TestUi());
    const texts = findings.map(({ text }) => text);
    assert(texts.some((text) => text.startsWith("augmentation: recipe cards, aug_hflip=0.4")), texts.join("\n"));
    assert(texts.some((text) => text.startsWith("repeat_threshold=0.5: an epoch has 6 samples")));
  }));
