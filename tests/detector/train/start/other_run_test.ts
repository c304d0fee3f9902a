/** What a training may start into: an empty folder, or the folder of the run that it continues from. */
import { assertEquals, assertRejects } from "@std/assert";
import { writeBundle } from "../../../../checkpoint/mod.ts";
import { preset } from "../../../../detector/config/mod.ts";
import { openStart } from "../../../../detector/train/start/open.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { TestUi, tinyTrainOptions } from "../../../helpers/tiny_training.ts";
import { inFolder } from "../../../helpers/in_folder.ts";

Deno.test("a training is not started over the bundles of another run, whether it begins or comes from elsewhere", () =>
  inFolder(async (folder) => {
    const bundle = `${folder}/old/checkpoint0003.dino`;
    await Deno.mkdir(`${folder}/old`);
    await writeBundle(bundle, { tensors: new Map(), state: { epoch: 4, step: 12 } });
    const before = await Deno.readFile(bundle);
    const start = async (outputDir: string, resume: string | null) => {
      const options = tinyTrainOptions({ outputDir, cocoPath: "", config: preset("cards") ?? null }, { resume });
      await using _start = await openStart(options, new TestUi());
    };
    for (const resume of [null, `${folder}/elsewhere.dino`]) {
      const error = await assertRejects(() => start(`${folder}/old`, resume), DinogradError, `found ${bundle}`);
      assertEquals(error.kind, "usage");
    }
    assertEquals(await Deno.readFile(bundle), before);
    // In its own folder it is opened, and found to be empty.
    for (const resume of ["auto", bundle, `${folder}/old/../old/checkpoint0003.dino`]) {
      await assertRejects(() => start(`${folder}/old`, resume), DinogradError, "expected weights but found no tensor");
    }
    await start(`${folder}/new`, null);
    await Deno.mkdir(`${folder}/damaged`);
    await Deno.writeTextFile(`${folder}/damaged/checkpoint.dino`, "damaged");
    await assertRejects(() => start(`${folder}/damaged`, null), DinogradError, "damaged/checkpoint.dino");
    await start("", null);
  }));
