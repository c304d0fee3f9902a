import { assert, assertEquals } from "@std/assert";
import { openDataset } from "../../../detector/data/mod.ts";
import { loadSample } from "../../../detector/data/batch.ts";
import { collate } from "../../../detector/data/batch.ts";
import { TrainingSession } from "../../../detector/train/session.ts";
import { transformsOf } from "../../../detector/data/configured_transforms.ts";
import type { Device } from "../../../engine/device/device.ts";
import { DryDevice } from "../../../engine/device/dry.ts";
import { createCpuDevice } from "../../../engine/device/wasm/device.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { officialConfig, writeOfficialCheckpoint } from "../../helpers/official_checkpoint.ts";
import { TINY_CLASSES } from "../../helpers/tiny_model.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../helpers/tiny_training.ts";

Deno.test("a dry run prints keys, groups, rates, steps, bundle and memory, and leaves no trace", async () => {
  await inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(folder);
    const resume = await writeOfficialCheckpoint(folder);
    const config = await officialConfig({ num_classes: 4, dn_labelbook_size: 4 });
    const outputDir = `${folder}/out`;
    const changes = { resume, finetuneIgnore: ["label_enc", "class_embed"], dryRun: true };
    const { result, ui } = await runTraining(tinyTrainOptions({ outputDir, cocoPath, config }, changes));
    assertEquals([result.epoch, result.step, result.finished], [2, 6, false]);
    const text = ui.lines.join("\n");
    const expected = [
      /\n\d+ {2}loaded\n/,
      /\nignored: label_enc\.weight/,
      /\ndata: 6 training images, 2 validation images, 3 classes: one, two, three\n/,
      /\nsteps: 3 per epoch of batches of 2; 15 in all, 9 left from epoch 2, step 6\n/,
      /\nmain {2}101 {2}\d+ {2}0\.001 {2}0\.0001\n/,
      /\nbackbone {2}39 {2}\d+ {2}0\.0001 {2}0\.0001\n/,
      /\nlearning rate: StepLR\(step_size=2 epochs, gamma=0\.1\)\n/,
      /\n2 {2}6 {2}0\.0001 {2}0\.00001\n4 {2}12 {2}0\.00001 {2}0\.000001\n/,
      /\nbundle: [\d.]+ [KM]iB before compression/,
      /\nmemory: [\d.]+ MiB for a step with 2 images of 64 x 128 \(/,
    ];
    for (const pattern of expected) assert(pattern.test(text), `${pattern}\n${text}`);
    await Deno.stat(outputDir).then(() => assert(false, "a folder was made"), () => {});
  });
});

Deno.test("a step on the device that only counts takes the memory of a real step", async () => {
  await inFolder(async (folder) => {
    const dataset = await openDataset(await writeTinyCoco(folder), "train");
    const config = tinyTrainingConfig();
    const samples = await Promise.all(
      [0, 1].map((index) =>
        loadSample({ entry: dataset.entry(index), transforms: transformsOf(config, true), seed: 1, epoch: 0, index })
      ),
    );
    const batch = collate(samples, { nextSample: 2 });
    const peakOf = async (device: Device) => {
      const setup = { device, config, seed: 1, stepsPerEpoch: 3, classes: TINY_CLASSES, freeze: [] };
      const session = new TrainingSession(setup);
      await session.step(batch); // moments are made in the first step
      device.resetPeak();
      await session.step(batch);
      session.dispose();
      await device.destroy();
      return device.memory.peak;
    };
    const [dry, real] = [await peakOf(new DryDevice()), await peakOf(await createCpuDevice({ threads: 1 }))];
    // Real buffers are rounded up to sizes of which there are few.
    assert(real >= dry && real <= 1.3 * dry, `${dry} counted, ${real} used`);
  });
});
