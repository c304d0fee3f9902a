import { assert, assertEquals } from "@std/assert";
import { openBundle } from "../../checkpoint/mod.ts";
import { formatJsonConfig, formatPythonConfig } from "../../detector/config/mod.ts";
import { generateCards } from "../../detector/data/mod.ts";
import { StateReader } from "../../detector/train/records/bundle_state.ts";
import { officialConfig, writeOfficialCheckpoint } from "../helpers/official_checkpoint.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { madeOnce } from "../helpers/made_once.ts";

const CPU = ["--device", "cpu", "--threads", "1", "--num_workers", "0"];

/** A folder with a tiny set of cards in D, and the files that the article's command line names. */
const prepared = madeOnce(async (folder) => {
  await generateCards({ out: `${folder}/D`, images: 4, valImages: 1, seed: 1, size: 96 });
  const checkpoint = await writeOfficialCheckpoint(folder);
  await Deno.rename(checkpoint, `${folder}/checkpoint_best_regular.pth`);
  // Another number of classes than the checkpoint's 7, and the epoch of the article with one step's worth of images.
  const config = await officialConfig({ num_classes: 8, dn_labelbook_size: 9, batch_size: 4, epochs: 4 });
  await Deno.writeTextFile(`${folder}/config_cfg.py`, formatPythonConfig(config));
  await Deno.writeTextFile(`${folder}/config.json`, formatJsonConfig(config));
});

Deno.test("the command line of the article does what its author expected", async () => {
  await prepared(async (folder) => {
    const line = [
      "train",
      "--output_dir",
      `${folder}/O`,
      "-c",
      `${folder}/config_cfg.py`,
      "--coco_path",
      `${folder}/D`,
    ];
    const article = ["--resume", `${folder}/checkpoint_best_regular.pth`, "--finetune_ignore"];
    const keywords = ["label_enc.weight class_embed", "--start_epoch", "3"];
    const { code, stdout, stderr } = await runCli([...line, ...article, ...keywords, ...CPU, "--save_log"]);
    assertEquals(code, 0, stderr);
    for (
      const words of [
        "epoch 3, step 3",
        "starts at epoch 3 by --start_epoch; the checkpoint would continue with epoch 2",
        "ignored: label_enc.weight",
        "ignored: transformer.decoder.class_embed.1.bias",
        "lr 0.001 (the checkpoint)",
        "training is over after 4 epochs and 4 steps",
      ]
    ) assert(stdout.includes(words), `${words}\n${stdout}`);
    assert(/\n +0 {2}missing\n +0 {2}unexpected\n +0 {2}shape mismatch\n/.test(stdout), stdout);

    await using bundle = await openBundle(`${folder}/O/checkpoint.dino`);
    const state = new StateReader(bundle.state, "bundle");
    assertEquals(bundle.tensors.get("model/label_enc.weight")?.shape, [10, 32]);
    const steps = new Map(state.get("optimizer").get("steps").entries().map(([name, count]) => [name, count.number()]));
    assertEquals(steps.get("label_enc.weight"), 1, "its moments began afresh");
    assertEquals(steps.get("transformer.level_embed"), 7, "six steps of the checkpoint and one");

    const info = await Deno.readTextFile(`${folder}/O/info.txt`);
    for (const words of ["ignored: label_enc.weight", "epoch 3 1/1  loss "]) assert(info.includes(words), info);
  });
});

Deno.test("what does not go together costs one line and its exit code", async () => {
  await prepared(async (folder) => {
    await Deno.writeTextFile(`${folder}/map.json`, '{"1": "no such rank"}');
    const goldens = new URL("../goldens/", import.meta.url).pathname;
    const pth = `${folder}/checkpoint_best_regular.pth`;
    const config = ["-c", `${folder}/config.json`];
    const cases: readonly [code: number, words: string, line: readonly string[]][] = [
      [4, "none.pth", [...config, "--resume", `${folder}/none.pth`]],
      [4, "ckpt_truncated.pth", [...config, "--resume", `${goldens}ckpt_truncated.pth`]],
      [4, "ckpt_evil_eval.pth", [...config, "--resume", `${goldens}ckpt_evil_eval.pth`]],
      [5, "--finetune_ignore NAMES", [...config, "--resume", pth]],
      [2, "did you mean lr", ["--resume", pth, "--override", "lrr=1"]],
      [2, "download it first", [...config, "--resume", "https://host/a.pth"]],
      [2, "masks", [...config, "--options", "masks=True"]],
    ];
    for (const [code, words, line] of cases) {
      const result = await runCli([
        "train",
        "--output_dir",
        `${folder}/O`,
        "--coco_path",
        `${folder}/D`,
        ...line,
        ...CPU,
      ]);
      const last = result.stderr.trimEnd().split("\n").at(-1) ?? "";
      assertEquals(result.code, code, result.stderr);
      assert(last.startsWith("dinograd: ") && last.includes(words), result.stderr);
      assert(!/^\s+at /m.test(result.stderr), "a stack");
    }
    const map = ["--pretrain_model_path", pth, "--class_map", `${folder}/map.json`, "--dry_run"];
    const unknown = await runCli(["train", "--coco_path", `${folder}/D`, ...config, ...map]);
    assertEquals([unknown.code, unknown.stderr.includes("no such rank")], [5, true]);
    const late = await runCli(["train", "--coco_path", `${folder}/D`, ...config, "--start_epoch", "4", "--dry_run"]);
    assertEquals([late.code, late.stderr.includes("a first epoch in 0..3 but found 4")], [2, true]);
    assert(errorLine(await runCli(["train", ...config, "--save_log"])).includes("--output_dir with --save_log"));
  });
});
