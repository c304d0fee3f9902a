import { assert, assertEquals } from "@std/assert";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { writeTinySplit } from "../helpers/tiny_dataset.ts";
import { writeTinyModel } from "../helpers/tiny_model.ts";
import { inFolder } from "../helpers/in_folder.ts";

const prepared = (test: (folder: string) => Promise<void>) =>
  inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    await writeTinySplit(folder, "val", {
      images: [{ id: 1, width: 60, height: 40 }, { id: 2, width: 50, height: 40 }],
    });
    await test(folder);
  });

Deno.test("detect and eval answer in JSON alone; an unreadable image makes the exit code 3, nothing else", async () => {
  await prepared(async (folder) => {
    const cpu = ["--device", "cpu", "--threads", "1", "--checkpoint", `${folder}/model.dino`, "--json"];
    const images = [`${folder}/val2017`, `${folder}/none.jpg`];
    const found = await runCli(["detect", ...images, ...cpu, "--threshold", "0", "--out", `${folder}/out`]);
    assertEquals(found.code, 3);
    const results: { image: string; width: number; detections: unknown[] }[] = JSON.parse(found.stdout);
    assertEquals(results.map(({ width, detections }) => [width, detections.length]), [[60, 12], [50, 12]]);
    assert(found.stderr.includes("none.jpg"));
    assert(!found.stderr.includes("    at "), "expected no stack");

    const evaluated = await runCli(["eval", "--coco_path", folder, ...cpu]);
    assertEquals(evaluated.code, 0);
    assertEquals(Object.keys(JSON.parse(evaluated.stdout).stats).length, 12);
  });
});

Deno.test("a checkpoint that is none costs one line and exit code 4, before any device is opened", async () => {
  await prepared(async (folder) => {
    await Deno.writeTextFile(`${folder}/text.dino`, "no checkpoint ".repeat(20));
    const failed = await runCli(["detect", `${folder}/val2017`, "--checkpoint", `${folder}/text.dino`]);
    assertEquals(failed.code, 4);
    assert(errorLine(failed).includes("text.dino"));
  });
});
