import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Command } from "commander";
import {
  defineTrainFlags,
  officialEvalOptions,
  type TrainFlags,
  trainOptions,
} from "../../../commands/shared/train_options.ts";
import { DEFAULT_SEED } from "../../../detector/config/run_options.ts";
import type { RunUi } from "../../../detector/config/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { TestUi } from "../../helpers/tiny_training.ts";

function parse(line: string): TrainFlags {
  const command = new Command("train").exitOverride().configureOutput({ writeErr() {} });
  defineTrainFlags(command);
  // Words, and texts in double quotes.
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  command.parse(words, { from: "user" });
  return command.opts<TrainFlags>();
}

const options = (line: string, ui: RunUi = new TestUi()) => trainOptions(parse(line), ui);

Deno.test("the keywords of --finetune_ignore are one list however they are given", async () => {
  const spellings = [
    "label_enc.weight class_embed",
    '"label_enc.weight class_embed"',
    "label_enc.weight,class_embed",
    '"label_enc.weight, class_embed"',
  ];
  for (const spelling of spellings) {
    const { finetuneIgnore } = await options(`-c DINO_4scale --finetune_ignore ${spelling} --output_dir O`);
    assertEquals(finetuneIgnore, ["label_enc.weight", "class_embed"], spelling);
  }
});

Deno.test("the command line of the article is understood word for word", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config_cfg.py`, "num_classes=5\ndn_labelbook_size=5\nepochs=4\n");
    const got = await options(
      `--output_dir O -c ${folder}/config_cfg.py --coco_path D --resume checkpoint_best_regular.pth ` +
        `--finetune_ignore "label_enc.weight class_embed" --start_epoch 3`,
    );
    assertEquals(
      [got.outputDir, got.cocoPath, got.resume, got.startEpoch, got.config?.num_classes, got.config?.epochs],
      ["O", "D", "checkpoint_best_regular.pth", 3, 5, 4],
    );
    assertEquals(got.finetuneIgnore, ["label_enc.weight", "class_embed"]);
  }));

Deno.test("the official training script's options are accepted and those without effect are named", async () => {
  const ui = new TestUi();
  const { config } = await options(
    "--output_dir logs/DINO/R50-MS4 -c DINO_4scale --coco_path D --options dn_scalar=100 embed_init_tgt=TRUE " +
      "dn_label_coef=1.0 dn_bbox_coef=1.0 use_ema=False dn_box_noise_scale=1.0",
    ui,
  );
  assertEquals([config?.embed_init_tgt, config?.use_ema, config?.dn_box_noise_scale], [true, false, 1]);
  assertEquals(ui.warnings.length, 1);
  for (const key of ["dn_scalar", "dn_label_coef", "dn_bbox_coef"]) assertStringIncludes(ui.warnings[0], key);
});

Deno.test("defaults are the official ones where they decide a number", async () => {
  const got = await options("-c DINO_4scale");
  assertEquals([got.seed, got.outputDir, got.startEpoch, got.resumeCheck], [null, "", null, true]);
  assertEquals(DEFAULT_SEED, 42);
  assertEquals([got.device, got.threads, got.numWorkers], ["auto", null, null]);
});

Deno.test("cuda means webgpu, and flags without work are accepted with one warning", async () => {
  const ui = new TestUi();
  const got = await options("-c cards --device cuda:0 --amp --find_unused_params --world_size 1 --rank 0", ui);
  assertEquals(got.device, "webgpu");
  assertEquals(ui.warnings, ["flags without effect: --amp (everything is computed in float32), --find_unused_params"]);
});

Deno.test("what cannot be honoured or contradicts itself is refused", async () => {
  const refused: [string, string][] = [
    ["", "expected -c (a preset or config file) or --resume but found neither"],
    [
      "-c cards --resume a.dino --pretrain_model_path b.pth",
      "expected --resume or --pretrain_model_path but found both",
    ],
    [
      "-c cards --output_dir o --resume auto --strict_resume --no-resume_check",
      "expected --strict_resume or --no-resume_check but found both",
    ],
    ["-c cards --resume auto", "expected --output_dir with --resume auto"],
    ["-c cards --world_size 8", "expected one process but found --world_size 8"],
    ["-c cards --dataset_file o365", "found o365"],
    ["-c cards --coco_panoptic_path P", "panoptic segmentation, which is not part of dinograd"],
    ["-c cards --options masks=True", "dinograd has no mask or panoptic segmentation"],
    ["-c cards --override lrr=1", "did you mean lr?"],
    ["--resume a.dino --options num_clases=3", "did you mean num_classes?"],
  ];
  for (const [line, message] of refused) {
    const error = await assertRejects(() => options(line), DinogradError, message);
    assertEquals(error.kind, "usage");
  }
});

Deno.test("without -c the options wait for the checkpoint's configuration", async () => {
  const got = await options("--resume auto --output_dir O --options lr_drop=3 --fix_size");
  assertEquals(got.config, null);
  assertEquals({ ...got.configChanges }, { lr_drop: 3, fix_size: true });
});

Deno.test("--fix_size and --exif_orientation are settings of the data", async () => {
  const { config } = await options("-c DINO_4scale --fix_size --exif_orientation");
  assertEquals([config?.fix_size, config?.exif_orientation], [true, true]);
});

Deno.test("--patience and --eval_every are settings of the training, and what is no number of evaluations is refused", async () => {
  const { config } = await options("-c cards --patience 5 --eval_every 2");
  assertEquals([config?.patience, config?.eval_every], [5, 2]);
  const resumed = await options("--resume a.dino --patience 5");
  assertEquals({ ...resumed.configChanges }, { patience: 5 });
  for (const line of ["--patience 0", "--patience x", "--eval_every 0", "--eval_every 1.5"]) {
    await assertRejects(async () => await options(`-c cards ${line}`), Error, "an integer of at least 1");
  }
  await assertRejects(() => options("-c cards --options eval_every=0"), DinogradError, "eval_every to be an integer");
});

Deno.test("train --eval is the evaluation of the checkpoint of --resume", async () => {
  const evaluation = (line: string) => officialEvalOptions(parse(line), new TestUi());
  const got = await evaluation("--eval --resume C --coco_path D -c DINO_5scale --save_results --output_dir O");
  assertEquals([got.checkpoint, got.cocoPath, got.saveResults, got.outputDir], ["C", "D", true, "O"]);
  assertEquals(got.config?.num_feature_levels, 5);
  await assertRejects(() => evaluation("--eval --coco_path D -c DINO_5scale"), DinogradError, "expected --resume FILE");
  await assertRejects(() => evaluation("--eval --resume C -c DINO_5scale"), DinogradError, "expected --coco_path DIR");
});

Deno.test("--batch_size is a number or auto, which --memory may bound; contradictions are refused", async () => {
  const got = await options("-c small --coco_path D --output_dir O --batch_size auto --memory 1.5GiB");
  assertEquals([got.batchFromMemory, got.memory, got.config?.batch_size], [true, 1.5 * 2 ** 30, 4]);
  const sizes = { "800MB": 8e8, "6g": 6e9, "2 KiB": 2048, "1TiB": 2 ** 40 };
  for (const [text, bytes] of Object.entries(sizes)) {
    assertEquals((await options(`-c small --output_dir O --batch_size auto --memory "${text}"`)).memory, bytes);
  }
  const seven = await options("-c small --coco_path D --output_dir O --batch_size 7");
  assertEquals([seven.batchFromMemory, seven.memory, seven.config?.batch_size], [false, null, 7]);
  const refused = {
    "--batch_size auto --options batch_size=4": "expected it or batch_size of --options but found both",
    "--batch_size 4 --override batch_size=4": "expected it or batch_size of --override but found both",
    "--memory 6GiB": "--memory: expected --batch_size auto with it but found none",
    "--batch_size 4 --memory 6GiB": "--memory: expected --batch_size auto with it but found none",
  };
  for (const [flags, message] of Object.entries(refused)) {
    const error = await assertRejects(() => options(`-c small --output_dir O ${flags}`), DinogradError);
    assertEquals(error.kind, "usage");
    assertStringIncludes(error.message, message);
  }
  for (const flags of ["--batch_size 0", "--batch_size 1025", "--batch_size 2.5", "--batch_size all"]) {
    assertThrows(() => parse(flags), Error, "auto or an integer from 1 to 1024");
  }
  for (const size of ["6", "-1GB", "0MB", "lots"]) {
    assertThrows(() => parse(`--batch_size auto --memory ${size}`), Error, "a size such as 800MiB or 6GiB");
  }
});
