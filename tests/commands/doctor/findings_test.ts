import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type DoctorFlags, examine } from "../../../commands/doctor.ts";
import type { Finding } from "../../../commands/doctor/findings.ts";
import { encodeJpeg } from "../../../detector/data/mod.ts";
import { blankImage } from "../../../detector/data/images/image.ts";
import { runCli } from "../../helpers/run_cli.ts";
import {
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../helpers/tiny_training.ts";
import { madeOnce } from "../../helpers/made_once.ts";

const inFinishedRun = madeOnce(async (folder) => {
  const cocoPath = await writeTinyCoco(`${folder}/coco`);
  const config = tinyTrainingConfig({ epochs: 1 });
  await runTraining(tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config }));
});

const withRun = (body: (setup: { folder: string; ask: Ask }) => Promise<void>) =>
  inFinishedRun(async (folder) => {
    const ask: Ask = async (flags = {}) => {
      const { findings } = await examine(
        { output_dir: `${folder}/run`, device: "cpu", threads: 1, ...flags },
        new TestUi(),
      );
      return findings;
    };
    await body({ folder, ask });
  });

type Ask = (flags?: Partial<DoctorFlags>) => Promise<readonly Finding[]>;

const about = (findings: readonly Finding[], part: string) => findings.find(({ text }) => text.includes(part));

Deno.test("doctor says of a finished run that it is finished and how to continue", () =>
  withRun(async ({ folder, ask }) => {
    const found = about(await ask(), "the run is finished: epoch 1 of 1, step 3");
    assertEquals(found?.level, "odd");
    assertStringIncludes(found?.remedy ?? "", "train --resume auto --override epochs=N");
    assert(about(await ask({ override: ["epochs=2"] }), "continues at epoch 1 of 2"));
    const { code, stdout } = await runCli(["doctor", "--output_dir", `${folder}/run`, "--device", "cpu"]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "nothing is left to train: the run is finished\n");
    assert(!stdout.includes("would start"));
  }));

Deno.test("remedies fit what was found", () =>
  withRun(async ({ folder, ask }) => {
    const remedy = async (part: string, flags: Partial<DoctorFlags>) => {
      const findings = await ask(flags);
      const found = about(findings, part);
      assert(found !== undefined, `${part}: ${JSON.stringify(findings, null, 1)}`);
      return found?.remedy ?? "";
    };
    assertStringIncludes(await remedy("missing.dino", { resume: `${folder}/missing.dino` }), "check the path");
    assertStringIncludes(await remedy("no such folder", { output_dir: `${folder}/none` }), "give --output_dir");
    await Deno.mkdir(`${folder}/empty`);
    assertStringIncludes(await remedy("no bundle", { output_dir: `${folder}/empty` }), "name the folder of the run");
    assertStringIncludes(await remedy("multiple of", { override: ["hidden_dim=33"] }), "--override");
    const weights = `${folder}/weights.dino`;
    await runCli(["convert", `${folder}/run/checkpoint.dino`, weights]);
    assertStringIncludes(await remedy("weights", { resume: weights }), "--pretrain_model_path in place of --resume");
    const bytes = await Deno.readFile(`${folder}/run/checkpoint.dino`);
    bytes[bytes.length - 120] ^= 1;
    await Deno.writeFile(`${folder}/damaged.dino`, bytes);
    assertStringIncludes(await remedy("damaged.dino", { resume: `${folder}/damaged.dino` }), "another file");
    const coco = `${folder}/coco/annotations/instances_train2017.json`;
    const text = await Deno.readTextFile(coco);
    await Deno.writeTextFile(coco, text.replace('"image_id":1,', '"image_id":999,'));
    assertStringIncludes(await remedy("unknown image id 999", {}), "correct the annotation file");
    await Deno.writeTextFile(coco, text);
    await Deno.remove(`${folder}/coco/train2017/1.png`);
    assertStringIncludes(await remedy("1.png", {}), "put them back");
    await Deno.writeTextFile(`${folder}/coco/train2017/1.png`, "no image");
    assertStringIncludes(await remedy("cannot be read", {}), "replace them by sound");
    assertStringIncludes(await remedy("does not exist", { coco_path: `${folder}/nowhere` }), "check --coco_path");
  }));

Deno.test("boxes beyond an image and sizes that are not the file's are found by the files' headers", () =>
  withRun(async ({ folder, ask }) => {
    const clean = await ask();
    for (const part of ["beyond", "outside", "another size"]) assertEquals(about(clean, part), undefined, part);
    const path = `${folder}/coco/annotations/instances_val2017.json`;
    const json = JSON.parse(await Deno.readTextFile(path));
    json.images[0].width += 5;
    json.annotations[0].bbox = [50, 8, 300, 20];
    json.annotations[1].bbox = [10, 500, 20, 20];
    json.annotations[2].bbox = [-0.4, 0, 30, 30]; // rounding
    await Deno.writeTextFile(path, JSON.stringify(json));
    const findings = await ask();
    assertStringIncludes(about(findings, "beyond the image's border")?.text ?? "", "val: 1 box (annotation 1) beyond");
    assertStringIncludes(about(findings, "outside the image")?.text ?? "", "val: 1 box (annotation 2) outside");
    assertStringIncludes(
      about(findings, "another size")?.text ?? "",
      "11.png: 69 x 72 in the annotations, 64 x 72 in the file",
    );
    for (const { level, text } of findings) assert(level !== "wrong", text);
  }));

Deno.test("an image that was annotated upright and is stored on its side is told as that", () =>
  withRun(async ({ folder, ask }) => {
    const jpeg = await encodeJpeg(blankImage(70, 40));
    // An Exif segment that says orientation 6: one entry of a small TIFF file.
    const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    const exif = [0xff, 0xe1, 0, tiff.length + 8, 0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
    const turned = new Uint8Array([...jpeg.subarray(0, 2), ...exif, ...jpeg.subarray(2)]);
    await Deno.writeFile(`${folder}/coco/val2017/12.jpg`, turned);
    const path = `${folder}/coco/annotations/instances_val2017.json`;
    const json = JSON.parse(await Deno.readTextFile(path));
    Object.assign(json.images[1], { width: 40, height: 70 });
    await Deno.writeTextFile(path, JSON.stringify(json));
    const found = about(await ask(), "annotated upright and stored on the side");
    assertStringIncludes(found?.remedy ?? "", "--exif_orientation");
  }));
