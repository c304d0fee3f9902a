import { assertEquals, assertStringIncludes } from "@std/assert";
import { openDataset, readImage } from "../../../../detector/data/mod.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { errorLine, runCli } from "../../../helpers/run_cli.ts";
import { tinyTrainingConfig } from "../../../helpers/tiny_training.ts";
import { formatJsonConfig } from "../../../../detector/config/mod.ts";

const FIXTURES = new URL("fixtures/", import.meta.url).pathname;
const PICTURES = ["lossy.webp", "lossless.webp", "palette.bmp", "rgb.bmp"];

/** A YOLO folder whose images are WebP and BMP files, with an object each. */
async function writeYolo(root: string): Promise<void> {
  for (const split of ["train", "val"]) {
    await Deno.mkdir(`${root}/images/${split}`, { recursive: true });
    await Deno.mkdir(`${root}/labels/${split}`, { recursive: true });
    for (const name of PICTURES) {
      await Deno.copyFile(FIXTURES + name, `${root}/images/${split}/${split}_${name}`);
      const label = `${split}_${name}`.replace(/\.\w+$/, ".txt");
      await Deno.writeTextFile(`${root}/labels/${split}/${label}`, "0 0.5 0.5 0.6 0.6\n");
    }
  }
  await Deno.writeTextFile(`${root}/data.yaml`, "path: .\ntrain: images/train\nval: images/val\nnames: [one]\n");
}

Deno.test("data sets of WebP and BMP are converted, checked, and trained on", () =>
  inFolder(async (folder) => {
    await writeYolo(`${folder}/yolo`);
    const made = await runCli(["dataset", "convert", `${folder}/yolo`, "--to", "coco", "--out", `${folder}/coco`]);
    assertEquals(made.code, 0, made.stderr);
    const dataset = await openDataset(`${folder}/coco`, "train");
    assertEquals(dataset.length, PICTURES.length);
    const sizes = PICTURES.map((_, index) => dataset.entry(index).path);
    for (const path of sizes) assertEquals((await readImage(path)).width, 37);
    const stats = JSON.parse((await runCli(["dataset", "stats", `${folder}/coco`, "--json"])).stdout);
    assertStringIncludes(JSON.stringify(stats), String(PICTURES.length));
    await Deno.writeTextFile(`${folder}/tiny.json`, formatJsonConfig(tinyTrainingConfig({ epochs: 1 })));
    const flags = [
      "--coco_path",
      `${folder}/coco`,
      "--output_dir",
      `${folder}/run`,
      "--device",
      "cpu",
      "--threads",
      "1",
    ];
    const trained = await runCli(["train", "-c", `${folder}/tiny.json`, ...flags, "--num_workers", "1"]);
    assertEquals(trained.code, 0, trained.stderr);

    // A kind that is not read is named, with the way out, where a training meets it.
    await Deno.copyFile(`${FIXTURES}picture.gif`, sizes[0]);
    const refused = await runCli(["dataset", "stats", `${folder}/coco`]);
    assertEquals(refused.code, 3);
    assertStringIncludes(errorLine(refused), "but found a GIF; convert it to PNG");
  }));
