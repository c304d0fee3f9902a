/** Where nobody says how many classes there are the data does; where somebody does, that counts and is told. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { examine } from "../../../../commands/doctor.ts";
import { StateReader } from "../../../../detector/train/records/bundle_state.ts";
import { configOf } from "../../../../detector/train/start/bundle_record.ts";
import type { TrainOptions } from "../../../../detector/config/mod.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { runCli } from "../../../helpers/run_cli.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { writeTinySplit } from "../../../helpers/tiny_dataset.ts";
import {
  contentIn,
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
} from "../../../helpers/tiny_training.ts";

/** Three classes with ids 1, 5 and 9; the last is in the validation set alone. */
async function writeGaps(folder: string): Promise<string> {
  const image = (id: number, category_id: number) => ({
    ...{ id, width: 64, height: 72, objects: [{ category_id, bbox: [5, 8, 30, 25] }] },
  });
  const categories = [1, 5].map((id) => ({ id, name: `class ${id}` }));
  await writeTinySplit(folder, "train", { images: [image(1, 1), image(2, 5)], categories });
  const more = [...categories, { id: 9, name: "class 9" }];
  return await writeTinySplit(folder, "val", { images: [image(11, 9)], categories: more });
}

const withRuns = (
  body: (run: (name: string, changes: Partial<TrainOptions>) => TrainOptions, folder: string) => Promise<void>,
) =>
  inFolder(async (folder) => {
    const cocoPath = await writeGaps(`${folder}/coco`);
    const config = tinyTrainingConfig({ epochs: 1, num_classes: 91, dn_labelbook_size: 91, use_ema: false });
    await body(
      (name, changes) => tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath, config }, changes),
      folder,
    );
  });

async function recordedClasses(folder: string) {
  const { state } = await contentIn(folder);
  const { num_classes, dn_labelbook_size } = configOf(new StateReader(state, "state"), "a.dino");
  return [num_classes, dn_labelbook_size];
}

Deno.test("a run that begins takes the largest id of both splits + 1, records it, and resumes with it whatever -c has", () =>
  withRuns(async (run, folder) => {
    const first = run("run", { classesFromData: true });
    const { ui } = await runTraining(first, { stopAfter: 1 });
    assert(ui.lines.includes("num_classes: 10, from the data (the largest category id + 1)"), ui.lines.join("\n"));
    assertEquals(await recordedClasses(`${folder}/run`), [10, 10]);
    const again = await runTraining({ ...first, resume: "auto" });
    assertEquals([again.result.finished, again.ui.lines.some((line) => line.startsWith("num_classes"))], [true, false]);
    const asked = await assertRejects(() => runTraining({ ...first, resume: "auto", classesFromData: false }));
    assertStringIncludes(String(asked), "num_classes 10 there, 91 here");
    const overridden = await runTraining(run("other", { classesFromData: true, override: { num_classes: 12 } }));
    assertEquals((await recordedClasses(`${folder}/other`))[0], 12);
    assert(overridden.ui.warnings.some((line) => line.startsWith("num_classes=12: the data's largest")));
  }));

Deno.test("a number that is given counts: one that is more than the data needs is told, one that is less refused", () =>
  withRuns(async (run, folder) => {
    const { ui } = await runTraining(run("more", {}));
    assertEquals(ui.warnings.filter((line) => line.startsWith("num_classes")), [
      "num_classes=91: the data's largest category id is 9, so that 81 outputs have no class; without the key it would be 10",
    ]);
    assertEquals(await recordedClasses(`${folder}/more`), [91, 91]);
    const few = tinyTrainingConfig({ num_classes: 6, dn_labelbook_size: 6 });
    await assertRejects(
      () => runTraining(run("less", { config: few })),
      DinogradError,
      "whose largest category id is 9: set num_classes to 10 (the largest id + 1), or leave it out",
    );
  }));

Deno.test("on the command line a preset leaves classes to the data and an option does not, for doctor too", () =>
  withRuns(async (_, folder) => {
    const line = (...more: string[]) => [
      ...["train", "-c", "small", "--coco_path", `${folder}/coco`, "--dry_run", "--options", "batch_size=1", ...more],
    ];
    const plain = await runCli(line());
    assertEquals(plain.code, 0, plain.stderr);
    assertStringIncludes(plain.stdout, "num_classes: 10, from the data");
    const given = await runCli(line("num_classes=11"));
    assertStringIncludes(given.stderr, "warning: num_classes=11: the data's largest category id is 9");
    const doctor = async (...options: string[]) => {
      const flags = { coco_path: `${folder}/coco`, config_file: "small", options: ["batch_size=1", ...options] };
      const { findings, code } = await examine({ ...flags, device: "cpu" }, new TestUi());
      return [code, findings.filter(({ level }) => level === "wrong").map(({ text }) => text).join()];
    };
    assertEquals(await doctor(), [0, ""]);
    const [code, text] = await doctor("num_classes=9");
    assertEquals(code, 5);
    assertStringIncludes(String(text), "num_classes=9 is too small");
  }));
