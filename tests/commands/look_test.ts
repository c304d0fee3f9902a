import { assert, assertEquals } from "@std/assert";
import { readImage } from "../../detector/data/mod.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { writeTinySplit } from "../helpers/tiny_dataset.ts";
import { TINY_CLASSES, writeTinyModel } from "../helpers/tiny_model.ts";

Deno.test("dataset show draws what a training step does with images, and says what it lacks", () =>
  inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    const objects = [{ category_id: 1, bbox: [5, 8, 30, 25] }, { category_id: 3, bbox: [20, 4, 20, 30] }];
    await writeTinySplit(`${folder}/data`, "train", {
      images: [{ id: 1, width: 60, height: 48, objects }],
      categories: TINY_CLASSES,
    });
    const show = ["dataset", "show", `${folder}/data`, "--out", `${folder}/out`];
    const checkpoint = ["--checkpoint", `${folder}/model.dino`];
    const drawn = await runCli([...show, ...checkpoint, "--show", "matches,denoising", "--json"]);
    assertEquals(drawn.code, 0, drawn.stderr);
    const files: string[] = JSON.parse(drawn.stdout);
    assertEquals(files, ["matches", "denoising"].map((kind) => `${folder}/out/train/1.${kind}.jpg`));
    for (const file of files) assert((await readImage(file)).width === 640);

    for (
      const [args, expected] of [
        [[...show, "--show", "matches"], "expected --checkpoint FILE"],
        [[...show, ...checkpoint], "expected --show matches|denoising"],
        [[...show, ...checkpoint, "--show", "anchors"], "expected matches, denoising but found anchors"],
        [["detect", folder, ...checkpoint, "--show", "matches", "--out", `${folder}/o`], "but found matches"],
      ] as const
    ) {
      const failed = await runCli(args);
      assertEquals(failed.code, 2);
      assert(errorLine(failed).includes(expected), errorLine(failed));
    }
  }));
