/** `train --eval` and `train --eval --test` are `eval` in the official spelling, on a bundle and on an official file. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formatJsonConfig } from "../../detector/config/mod.ts";
import { withTinyCliRun } from "../helpers/cli_training.ts";
import { officialConfig, writeOfficialCheckpoint } from "../helpers/official_checkpoint.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

const CPU = ["--device", "cpu", "--threads", "1", "--num_workers", "0"];

/** Makes the validation images test images too, whose file has no annotations. */
async function addTestSplit(cocoPath: string): Promise<void> {
  const annotations = `${cocoPath}/annotations`;
  const { images, categories } = JSON.parse(await Deno.readTextFile(`${annotations}/instances_val2017.json`));
  await Deno.writeTextFile(`${annotations}/image_info_test-dev2017.json`, JSON.stringify({ images, categories }));
  await Deno.mkdir(`${cocoPath}/test2017`);
  for await (const { name } of Deno.readDir(`${cocoPath}/val2017`)) {
    await Deno.copyFile(`${cocoPath}/val2017/${name}`, `${cocoPath}/test2017/${name}`);
  }
}

Deno.test("train --eval and train --eval --test give what eval gives, from a trained bundle and from an official file", () =>
  withTinyCliRun(async ({ folder, cocoPath, run }) => {
    assertEquals((await run("run")).code, 0);
    await addTestSplit(cocoPath);
    const pth = await writeOfficialCheckpoint(folder);
    await Deno.writeTextFile(`${folder}/official.json`, formatJsonConfig(await officialConfig()));
    const cases = [
      { file: `${folder}/run/checkpoint.dino`, config: [] },
      { file: pth, config: ["-c", `${folder}/official.json`] },
    ];
    for (const { file, config } of cases) {
      const out = (name: string) => ["--output_dir", `${file}.${name}`];
      const done = async (...args: string[]) => {
        const { code, stderr } = await runCli([...args, ...config, "--coco_path", cocoPath, ...CPU]);
        assertEquals([code, stderr], [0, ""], args.join(" "));
      };
      const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${file}.${name}`));
      await done("train", "--eval", "--test", "--resume", file, ...out("train"));
      await done("eval", "--test", "--checkpoint", file, ...out("eval"));
      const found = await read("train/results0.json");
      assertEquals(found.length, 2 * 12);
      assertEquals(found, await read("eval/results0.json"));

      await done("train", "--eval", "--save_results", "--resume", file, ...out("train"));
      await done("eval", "--save_results", "--checkpoint", file, ...out("eval"));
      const evaluation = await read("train/eval.json");
      assertEquals(evaluation, await read("eval/eval.json"));
      assert(evaluation.losses.loss > 0);
      const images: { image_id: number; detections: { label: number; score: number }[] }[] = await read(
        "train/results.json",
      );
      assertEquals(images, await read("eval/results.json"));
      const brief = images.flatMap(({ image_id, detections }) =>
        detections.map(({ label, score }) => [image_id, label, score])
      );
      assertEquals(
        found.map((
          d: { image_id: number; category_id: number; score: number },
        ) => [d.image_id, d.category_id, d.score]),
        brief,
        "the test images are the validation images",
      );

      const gt = `${cocoPath}/annotations/instances_val2017.json`;
      const { stdout } = await runCli(["eval", "--gt", gt, "--dt", `${file}.train/results0.json`, "--json"]);
      assertEquals(JSON.parse(stdout).stats, evaluation.stats, "the file holds what was evaluated");
    }
  }));

Deno.test("train --eval --resume auto evaluates what a training would continue from", () =>
  withTinyCliRun(async ({ folder, cocoPath, run }) => {
    assertEquals((await run("run")).code, 0);
    const command = ["train", "--eval", "--resume", "auto", "--coco_path", cocoPath, ...CPU];
    const { code, stderr } = await runCli([...command, "--output_dir", `${folder}/run`]);
    assertEquals([code, stderr], [0, ""]);
    const { checkpoint } = JSON.parse(await Deno.readTextFile(`${folder}/run/eval.json`));
    assertEquals(checkpoint, `${folder}/run/checkpoint.dino`);
    const none = await runCli([...command, "--output_dir", `${folder}/none`]);
    assertEquals(none.code, 4);
    assertMatch(errorLine(none), /none: expected a bundle to evaluate but found none$/);
    const nowhere = await runCli(command);
    assertEquals(nowhere.code, 2);
    assertStringIncludes(errorLine(nowhere), "expected --output_dir with --resume auto");
  }));

Deno.test("results that nothing would keep are refused before anything is computed, and flags without effect are told", () =>
  withTinyCliRun(async ({ folder, cocoPath }) => {
    await addTestSplit(cocoPath);
    const pth = await writeOfficialCheckpoint(folder);
    const official = ["train", "--eval", "--resume", pth, "--coco_path", cocoPath, ...CPU];
    for (const [flag, file] of [["--test", "results0.json"], ["--save_results", "results.json"]]) {
      for (const command of [official, ["eval", "--checkpoint", pth, "--coco_path", cocoPath, ...CPU]]) {
        const result = await runCli([...command, flag]);
        assertEquals(result.code, 2);
        assertStringIncludes(errorLine(result), `${flag}: expected --output_dir DIR to keep ${file} in`);
      }
    }
    const { code, stdout, stderr } = await runCli([...official, "--test", "--per_class", "--json"]);
    assertEquals([code, JSON.parse(stdout).length], [0, 2 * 12]);
    assertStringIncludes(stderr, "warning: --test evaluates nothing: --per_class without effect\n");
    const alone = await runCli(["train", "--test", "--resume", pth, "--coco_path", cocoPath]);
    assertEquals(alone.code, 2);
    assertStringIncludes(errorLine(alone), "expected --eval with --test");
  }));
