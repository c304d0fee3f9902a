/**
 * Images that are not there or cannot be read: found at the start, or met later, when the state before them is saved; and
 * runs that continue without them, which stay exact.
 */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { examine } from "../../../commands/doctor.ts";
import { readBundle, stateField } from "../../../checkpoint/mod.ts";
import { formatJsonConfig, type TrainOptions } from "../../../detector/config/mod.ts";
import { evaluateCheckpoint } from "../../../detector/eval/evaluate_checkpoint.ts";
import { verifyDeep } from "../../../detector/train/proof/deep_verify.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { errorLine, runCli } from "../../helpers/run_cli.ts";
import {
  contentIn,
  digestIn,
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../helpers/tiny_training.ts";

/** Training images are 1 to 6, those of validation 11 and 12; odd ones are PNG files. */
const nameOf = (id: number) => `${id > 10 ? "val" : "train"}2017/${id}.${id % 2 ? "png" : "jpg"}`;

interface Setup {
  readonly folder: string;
  readonly cocoPath: string;
  options(name: string, changes?: Partial<TrainOptions>): TrainOptions;
  /** Trains to the end; the run's digest. */
  run(name: string, changes?: Partial<TrainOptions>): Promise<string>;
  /** What the start or the run ends with. */
  refusal(name: string, changes?: Partial<TrainOptions>): Promise<DinogradError>;
  /** Makes an image undecodable; what it gives fixes it. */
  spoil(id: number): Promise<() => Promise<void>>;
}

const withData = (
  test: (setup: Setup) => Promise<void>,
  changes: Parameters<typeof tinyTrainingConfig>[0] = {},
) =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const config = tinyTrainingConfig(changes);
    const options: Setup["options"] = (name, more) =>
      tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath, config }, more);
    await test({
      folder,
      cocoPath,
      options,
      run: async (name, more) => {
        await runTraining(options(name, more));
        return await digestIn(`${folder}/${name}`);
      },
      refusal: (name, more) => assertRejects(() => runTraining(options(name, more)), DinogradError),
      spoil: async (id) => {
        const path = `${cocoPath}/${nameOf(id)}`;
        const bytes = await Deno.readFile(path);
        await Deno.writeFile(path, bytes.subarray(0, bytes.length >> 1));
        return () => Deno.writeFile(path, bytes);
      },
    });
  });

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

Deno.test("missing and empty image files are named before anything is computed, by a run, its dry run, eval and doctor", () =>
  withData(async ({ folder, cocoPath, run, refusal, options }) => {
    await run("before");
    await Promise.all([2, 3, 6].map((id) => Deno.remove(`${cocoPath}/${nameOf(id)}`)));
    await Deno.writeFile(`${cocoPath}/${nameOf(5)}`, new Uint8Array());
    const expected =
      "instances_train2017.json: expected a file for every image but found none to read for 4 of 6 images: " +
      `${cocoPath}/${nameOf(2)}: there is no such file or folder, ${cocoPath}/${
        nameOf(3)
      }: there is no such file or folder, ` +
      `${cocoPath}/${nameOf(5)}: it is empty, and 1 more; fix them, take them out of the annotations, or continue ` +
      "without them with --skip_bad_images";
    for (const dryRun of [true, false]) {
      const error = await refusal("run", { dryRun });
      assertEquals(error.kind, "data");
      assertStringIncludes(error.message, expected);
    }
    await Deno.writeTextFile(`${folder}/config.json`, formatJsonConfig(tinyTrainingConfig()));
    const command = ["train", "-c", `${folder}/config.json`, "--coco_path", cocoPath, "--device", "cpu"];
    const refused = await runCli([...command, "--output_dir", `${folder}/run`]);
    assertEquals(refused.code, 3);
    assertStringIncludes(errorLine(refused), expected);
    assert(!await exists(`${folder}/run/checkpoint.dino`));

    await Deno.remove(`${cocoPath}/${nameOf(11)}`);
    const checkpoint = `${folder}/before/checkpoint.dino`;
    const evaluate = (skipBadImages: boolean) => {
      const ui = new TestUi();
      const { device, threads, numWorkers } = options("");
      return evaluateCheckpoint({ checkpoint, cocoPath, device, threads, numWorkers, skipBadImages }, ui)
        .then((evaluation) => ({ evaluation, warnings: ui.warnings }));
    };
    const error = await assertRejects(() => evaluate(false), DinogradError);
    assertMatch(
      error.message,
      /val2017\.json: .* but found none to read for 1 of 2 images: .*11\.png/,
    );
    const { evaluation, warnings } = await evaluate(true);
    assertEquals(evaluation?.skipped.map(({ imageId }) => imageId), [11]);
    assertMatch(
      warnings.join("\n"),
      /1 of 2 images is left out: .*11\.png: there is no such file or folder\n1 image was left out of the/,
    );

    const doctor = (flags: { skip_bad_images?: true }) =>
      examine(
        { device: "cpu", threads: 1, config_file: `${folder}/config.json`, coco_path: cocoPath, ...flags },
        new TestUi(),
      );
    assertEquals((await doctor({})).code, 3);
    const { code, findings } = await doctor({ skip_bad_images: true });
    assertEquals(code, 0, JSON.stringify(findings.filter(({ level }) => level === "wrong")));
    assertMatch(findings.map(({ text }) => text).join(), /train2017.json: 4 of 6 images are left out: /);
  }));

Deno.test("an image that turns out bad ends the run with its state saved, and the fixed run is the straight one", () =>
  withData(async ({ folder, run, refusal, spoil }) => {
    const straight = await run("straight");
    for (const id of [1, 2, 3, 6]) {
      const fix = await spoil(id);
      const name = `bad${id}`;
      const error = await refusal(name, { numWorkers: id % 2 });
      assertEquals(error.kind, "data");
      assertStringIncludes(error.message, `${nameOf(id)}`);
      const saved = `epoch 0, step \\d is saved in ${folder}/${name}/checkpoint\\.dino: fix the data and continue with`;
      assertMatch(error.message, new RegExp(`${saved} --resume auto, or add --skip_bad_images$`));
      await fix();
      assertEquals(await run(name, { resume: "auto", strictResume: true }), straight);
    }
  }));

Deno.test("so does one of validation, whose evaluation is made again", () =>
  withData(async ({ run, refusal, spoil }) => {
    const straight = await run("straight");
    const fix = await spoil(12);
    const error = await refusal("run");
    assertMatch(
      error.message,
      /12\.jpg.*; epoch 0, step 3 is saved in .*: fix the data and continue with --resume auto/,
    );
    await fix();
    assertEquals(await run("run", { resume: "auto", strictResume: true }), straight);
  }));

/** Trains one step at a time, with other numbers of workers and threads each time. */
async function trainInSteps(options: TrainOptions): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const changes = { resume: "auto", strictResume: round > 0, numWorkers: round % 3, threads: 1 + round % 2 };
    const { result } = await runTraining({ ...options, ...changes }, { stopAfter: 1 });
    if (result.finished) return;
  }
  throw new Error("expected the run to end");
}

Deno.test("a run that continues without bad images is exact however it is stopped, and records and tells what it left out", () =>
  withData(async ({ folder, cocoPath, options, spoil }) => {
    await Promise.all([2, 3, 5, 12].map(spoil));
    await Deno.remove(`${cocoPath}/${nameOf(6)}`);
    const skipping = (name: string, changes = {}) => options(name, { skipBadImages: true, ...changes });
    const { result, ui } = await runTraining(skipping("straight"));
    assert(result.finished);
    const { state } = await contentIn(`${folder}/straight`);
    const each = [2, 3, 5, 6].map((image_id) => ({ image_id, times: 3 }));
    assertEquals(stateField(state, "skipped"), {
      train: each,
      val: [{ image_id: 12, times: 3 }],
      epoch: { images: 0, batches: 0 },
    });
    const log = (await Deno.readTextFile(`${folder}/straight/log.txt`)).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assertEquals(log.map((line) => [line.train_skipped_images, line.test_skipped_images]), [[4, 1], [4, 1], [4, 1]]);
    const told = ui.warnings.filter((line) => line.startsWith("epoch "));
    assertEquals(told[2], "epoch 2: left out 4 training images and 1 validation image that cannot be read");
    assertEquals(ui.warnings.filter((line) => line.includes(nameOf(3))).length, 1, "each image is told once");
    // Two images are left, so that at least one of three batches of two is empty in each epoch.
    assert(result.step < 9, `${result.step} steps`);
    const losses = (await Deno.readTextFile(`${folder}/straight/trace.jsonl`)).trim().split("\n").map((line) =>
      JSON.parse(line).loss
    );
    assertEquals(losses.length, result.step);
    const inLast = losses.slice(log[1].step);
    assertEquals(log[2].train_loss, inLast.reduce((sum, loss) => sum + loss, 0) / inLast.length);

    await trainInSteps(skipping("stopped"));
    assertEquals(await digestIn(`${folder}/stopped`), await digestIn(`${folder}/straight`));

    const checkpoint = `${folder}/straight/checkpoint.dino`;
    const { device, threads, numWorkers } = options("");
    const evaluation = await evaluateCheckpoint({
      checkpoint,
      cocoPath,
      device,
      threads,
      numWorkers,
      skipBadImages: true,
    }, new TestUi());
    assertEquals(log[2].test_coco_eval_bbox, Object.values(evaluation?.stats ?? {}));
    const scratch = `${folder}/scratch`;
    const from = `${folder}/stopped/checkpoint_previous.dino`;
    await Deno.mkdir(scratch);
    const again = await verifyDeep(
      checkpoint,
      { ...{ device, threads, numWorkers, from, scratch }, cocoPath: null },
      new TestUi(),
    );
    assertEquals(again.differences, []);
  }, { epochs: 3 }));

Deno.test("a batch keeps its step as long as one of its images can be read, and the record of one that fits says nothing", () =>
  withData(async ({ folder, run, spoil }) => {
    const straight = await run("straight");
    assertEquals(
      await run("skipping", { skipBadImages: true }),
      straight,
      "without bad images the flag changes nothing",
    );
    assertEquals(stateField((await readBundle(`${folder}/skipping/checkpoint.dino`)).state, "skipped"), undefined);
    await spoil(4);
    await run("one", { skipBadImages: true });
    const { state } = await contentIn(`${folder}/one`);
    assertEquals(stateField(state, "step"), 6);
  }));

Deno.test("where no image can be read a run that skips bad ones ends with an error, also when they are met late", () =>
  withData(async ({ cocoPath, refusal, spoil }) => {
    const fixes = await Promise.all([11, 12].map(spoil));
    const validation = await refusal("val", { skipBadImages: true });
    assertMatch(
      validation.message,
      /expected images that can be read but found none: .*11\.png.*continue with --resume auto$/,
    );
    await Promise.all(fixes.map((fix) => fix()));
    await Promise.all([1, 2, 3, 4, 5, 6].map(spoil));
    const training = await refusal("train", { skipBadImages: true });
    assertEquals([training.kind, training.message], [
      "data",
      "epoch 0: expected images that can be read but found none",
    ]);
    await Promise.all([1, 2, 3, 4, 5, 6].map((id) => Deno.remove(`${cocoPath}/${nameOf(id)}`)));
    assertMatch(
      (await refusal("gone", { skipBadImages: true })).message,
      /found none to read for 6 of 6 images: /,
    );
  }));

Deno.test("a missing image that would be too small for the model does not end a run that continues without it", () =>
  withData(async ({ cocoPath, run, refusal }) => {
    const annotations = `${cocoPath}/annotations/instances_val2017.json`;
    const file = JSON.parse(await Deno.readTextFile(annotations));
    Object.assign(file.images[0], { width: 2, height: 900 });
    await Deno.writeTextFile(annotations, JSON.stringify(file));
    await Deno.remove(`${cocoPath}/${nameOf(11)}`);
    assertMatch((await refusal("stopped")).message, /11\.png: there is no such file/);
    await run("skipping", { skipBadImages: true });
  }, { num_queries: 30, epochs: 1 }));
