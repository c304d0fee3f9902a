import { assert, assertEquals, assertThrows } from "@std/assert";
import { Command } from "commander";
import { addTileFlags, type TileFlags, tileOptions } from "../../commands/shared/tile_flags.ts";
import { givenFlags } from "../../commands/shared/command.ts";
import { encodeJpeg } from "../../detector/data/mod.ts";
import { blankImage } from "../../detector/data/images/image.ts";
import type { ImageDetections } from "../../detector/inference/detection.ts";
import { DinogradError } from "../../engine/errors.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { MEMORY_IS_COUNTED } from "../helpers/measured_memory.ts";
import { runProcessMeasured } from "../helpers/run_cli.ts";
import { tinyConfig, writeTinyModel } from "../helpers/tiny_model.ts";

/** What docs/detect.md promises for the preset `cards`, which is larger. */
const MOST_MEMORY = 0.75e9;

Deno.test("a picture of 6000 x 4000 is detected in tile by tile within the memory that the page states", () =>
  inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    await Deno.writeFile(`${folder}/large.jpg`, await encodeJpeg(blankImage(6000, 4000, { colour: [90, 120, 60] })));
    const { code, stdout, stderr, memory } = await runProcessMeasured([
      ...["detect", `${folder}/large.jpg`, "--checkpoint", `${folder}/model.dino`],
      ...["--tile", "1600", "--overlap", "0.1", "--batch_size", "4", "--threshold", "0", "--json"],
      ...["--device", "cpu", "--threads", "1"],
    ]);
    assertEquals(code, 0, stderr);
    const [{ width, height, detections }]: ImageDetections[] = JSON.parse(stdout);
    assertEquals([width, height], [6000, 4000]);
    assert(detections.length > tinyConfig().num_select, "more than one tile gives");
    const centres = detections.map(({ box: [left, top, right, bottom] }) => [(left + right) / 2, (top + bottom) / 2]);
    assert(
      centres.some(([x]) => x > 4500) && centres.some(([, y]) => y > 2500),
      "the last tiles are where they belong",
    );
    if (MEMORY_IS_COUNTED) assert(memory > 1e8 && memory < MOST_MEMORY, `${memory} bytes`);
  }));

function optionsOf(...args: string[]) {
  const command = new Command("detect").exitOverride().configureOutput({ writeErr: () => {} });
  addTileFlags(command);
  command.parse(args, { from: "user" });
  return tileOptions(command.opts<TileFlags>(), givenFlags(command));
}

Deno.test("the flags of tiles say what they say, and none of them passes without --tile", () => {
  assertEquals(optionsOf(), null);
  assertEquals(optionsOf("--batch_size", "4"), null);
  const defaults = { size: 800, overlap: 0.2, whole: false, merge: "nms", iou: 0.5 };
  assertEquals(optionsOf("--tile", "800"), { ...defaults, merge: "nms" });
  assertEquals(
    optionsOf("--tile", "640", "--overlap", "0", "--tile_whole", "--merge", "wbf", "--merge_iou", "0.6"),
    { size: 640, overlap: 0, whole: true, merge: "wbf", iou: 0.6 },
  );
  for (const flags of [["--overlap", "0.1"], ["--tile_whole"], ["--merge", "wbf"], ["--merge_iou", "0.6"]]) {
    const error = assertThrows(() => optionsOf(...flags), DinogradError, `${flags[0]}: expected --tile PIXELS`);
    assertEquals(error.kind, "usage");
  }
  for (
    const [flag, value] of [["tile", "31"], ["overlap", "0.91"], ["overlap", "-0.1"], ["merge", "nmm"], [
      "merge_iou",
      "0",
    ], ["batch_size", "0"]]
  ) {
    assertThrows(() => optionsOf("--tile", "64", `--${flag}=${value}`), Error, "expected");
  }
});
