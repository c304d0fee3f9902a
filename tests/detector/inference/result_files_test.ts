import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parse as parseYaml } from "@std/yaml";
import { XMLParser } from "fast-xml-parser";
import { ImageIds } from "../../../detector/data/image_ids.ts";
import { parseCocoAnnotations, parseDetections } from "../../../detector/eval/mod.ts";
import type { ImageDetections } from "../../../detector/inference/detection.ts";
import { resultFiles, resultPaths } from "../../../detector/inference/result_files.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { errorLine, runCli } from "../../helpers/run_cli.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { TINY_CLASSES, writeTinyModel } from "../../helpers/tiny_model.ts";

const SIZES = [{ id: 7, width: 60, height: 40 }, { id: 8, width: 50, height: 70 }, { id: 12, width: 44, height: 44 }];

/** A model, and a data set whose objects are what the model finds, a little smaller: AP is neither 0 nor 1. */
async function prepare(folder: string): Promise<{ readonly detect: string[]; readonly gt: string }> {
  await writeTinyModel(`${folder}/model.dino`);
  await writeTinySplit(folder, "val", { images: SIZES, categories: TINY_CLASSES });
  const detect = ["--checkpoint", `${folder}/model.dino`, "--device", "cpu", "--threads", "1"];
  const all = await runCli(["detect", `${folder}/val2017`, "--threshold", "0", "--json", ...detect]);
  const found: ImageDetections[] = JSON.parse(all.stdout);
  const idOf = (path: string) => Number(/(\d+)\.\w+$/.exec(path)?.[1]);
  const images = SIZES.map((size) => {
    const listed = found.find(({ image }) => idOf(image) === size.id)?.detections ?? [];
    const known = listed.filter(({ label }) => label > 0).filter((_, at) => at % 2 === 1);
    const objects = known.map(({ label, box: [left, top, right, bottom] }, at) => {
      const [x, y] = [Math.max(left, 0), Math.max(top, 0)];
      const width = (Math.min(right, size.width) - x) * (1 - 0.1 * (at % 3));
      const height = Math.min(bottom, size.height) - y;
      return { category_id: label, bbox: [x, y, width, height], area: width * height, iscrowd: 0 };
    });
    return { ...size, objects };
  });
  await writeTinySplit(folder, "val", { images, categories: TINY_CLASSES });
  return { detect, gt: `${folder}/annotations/instances_val2017.json` };
}

Deno.test("detect at threshold 0 and eval --dt give exactly the numbers of eval --checkpoint, from either file", () =>
  inFolder(async (folder) => {
    const { detect, gt } = await prepare(folder);
    const images = ["detect", `${folder}/val2017`, "--threshold", "0", "--out", `${folder}/out`];
    const found = await runCli([...images, "--format", "coco", "--images_of", gt, ...detect]);
    assertEquals(found.code, 0, found.stderr);
    const direct = await runCli(["eval", "--coco_path", folder, "--json", ...detect]);
    const { stats, perCategory } = JSON.parse(direct.stdout);
    assert(stats.AP > 0 && stats.AP < 1, `expected an AP that can be wrong but found ${stats.AP}`);
    const listed: ImageDetections[] = JSON.parse(await Deno.readTextFile(`${folder}/out/detections.json`));
    assertEquals(listed.map(({ image_id }) => image_id), [12, 7, 8]);
    assert(listed.every(({ detections }) => detections.every(({ label, category_id }) => label === category_id)));
    await Deno.writeTextFile(
      `${folder}/unnumbered.json`,
      JSON.stringify(listed.map((one) => ({ ...one, image_id: undefined }))),
    );
    for (const dt of ["out/detections.json", "out/results.json", "unnumbered.json"]) {
      const { stdout, stderr } = await runCli(["eval", "--gt", gt, "--dt", `${folder}/${dt}`, "--json"]);
      const read = JSON.parse(stdout || `"${stderr}"`);
      assertEquals([read.stats, read.perCategory], [stats, perCategory], dt);
    }
  }));

Deno.test("COCO results of images that no annotations list are numbered from 1, and a file says which is which", () =>
  inFolder(async (folder) => {
    const { detect, gt } = await prepare(folder);
    const images = ["detect", `${folder}/val2017`, "--threshold", "0", "--out", `${folder}/out`, "--format", "coco"];
    const { stdout } = await runCli([...images, ...detect]);
    assertStringIncludes(stdout, "images.json says which");
    const list = JSON.parse(await Deno.readTextFile(`${folder}/out/images.json`));
    const names = ["12.jpg", "7.png", "8.jpg"].map((name) => `${folder}/val2017/${name}`);
    assertEquals(list.images.map(({ id, file_name }: { id: number; file_name: string }) => [id, file_name]), [
      [1, names[0]],
      [2, names[1]],
      [3, names[2]],
    ]);
    // The file that names the classes has ids of the images, too.
    await runCli([...images, ...detect, "--classes", gt]);
    const results: { image_id: number }[] = JSON.parse(await Deno.readTextFile(`${folder}/out/results.json`));
    assertEquals(new Set(results.map(({ image_id }) => image_id)), new Set([12, 7, 8]));
    await Deno.writeTextFile(
      `${folder}/one.json`,
      JSON.stringify({ images: [{ id: 1, file_name: "7.png" }], annotations: [], categories: TINY_CLASSES }),
    );
    const refused = await runCli([...images, ...detect, "--images_of", `${folder}/one.json`]);
    assertEquals(refused.code, 3);
    assertStringIncludes(errorLine(refused), "found none for");
    const nowhere = await runCli(["detect", `${folder}/val2017`, "--format", "csv", ...detect]);
    assertEquals([nowhere.code, errorLine(nowhere).includes("--out")], [2, true]);
    const unknown = await runCli(["detect", "a.jpg", "--format", "pascal", ...detect]);
    assertEquals([unknown.code, errorLine(unknown).includes("one of coco, yolo, voc, csv")], [2, true]);
  }));

const FOUND: readonly ImageDetections[] = [
  {
    image: "a/x, 1.jpg",
    width: 200,
    height: 100,
    detections: [
      { category_id: 9, label: 9, name: 'a "b"', score: 0.75, box: [-10, 10.4, 90, 60.6] },
      { category_id: 4, label: 4, name: "4", score: 0.5, box: [150, 20, 210, 120] },
    ],
  },
  { image: "b/x, 1.png", width: 10, height: 10, detections: [] },
];
const CONTEXT = { classes: [{ id: 9, name: 'a "b"' }, { id: 2, name: "two" }], rows: 10 };
const fileOf = (format: "yolo" | "voc" | "csv", path: string) =>
  new Map(resultFiles(format, FOUND, CONTEXT)).get(path) ?? "";

Deno.test("YOLO labels number classes by their ids, keep boxes in the image, and have the score as sixth number", () => {
  const lines = fileOf("yolo", "labels/x, 1.txt").trimEnd().split("\n").map((line) => line.split(" ").map(Number));
  assertEquals(lines, [[1, 0.225, 0.355, 0.45, 0.502, 0.75], [5, 0.875, 0.6, 0.25, 0.8, 0.5]]);
  assertEquals(fileOf("yolo", "labels/x, 1_2.txt"), "");
  const { names } = parseYaml(fileOf("yolo", "data.yaml")) as { names: Record<string, string> };
  assertEquals([names[0], names[1], names[5]], ["two", 'a "b"', "4"]);
});

Deno.test("VOC annotations count pixels from 1 and keep boxes in the image", () => {
  const { annotation } = new XMLParser().parse(fileOf("voc", "Annotations/x, 1.xml"));
  assertEquals(annotation.size, { width: 200, height: 100, depth: 3 });
  assertEquals(annotation.object.map(({ name, score, bndbox }: Record<string, unknown>) => [name, score, bndbox]), [
    ['a "b"', 0.75, { xmin: 1, ymin: 11, xmax: 90, ymax: 61 }],
    [4, 0.5, { xmin: 151, ymin: 21, xmax: 200, ymax: 100 }],
  ]);
});

Deno.test("the table has a row for each detection, with what a comma or a quote could confuse in quotes", () => {
  assertEquals(fileOf("csv", "detections.csv").trimEnd().split("\r\n"), [
    "file,class,category_id,score,left,top,right,bottom",
    '"a/x, 1.jpg","a ""b""",9,0.75,-10,10.4,90,60.6',
    '"a/x, 1.jpg",4,4,0.5,150,20,210,120',
  ]);
});

Deno.test("the paths that are known before the work are those of the results", () => {
  for (const format of ["coco", "yolo", "voc", "csv"] as const) {
    const paths = resultFiles(format, FOUND, CONTEXT).map(([path]) => path);
    assertEquals(resultPaths(format, FOUND.map(({ image }) => image)), paths);
  }
});

Deno.test("an image's id is that of the longest name at the end of its path", () => {
  const images = ["a.jpg", "b/a.jpg", "c/d.jpg", "e\\d.jpg"].map((file_name, id) => ({ id, file_name }));
  const ids = new ImageIds(images, { source: "gt.json" });
  const paths = ["x/a.jpg", "x/b/a.jpg", "./a.jpg", "d.jpg", "c/d.jpg", "x/e/d.jpg", "xc/d.jpg", "A.jpg"];
  assertEquals(paths.map((path) => ids.of(path)), [0, 1, 0, undefined, 2, 3, undefined, undefined]);
  assertThrows(() => new ImageIds([...images, images[0]], { source: "gt.json" }), DinogradError, "gt.json: expected");
});

Deno.test("a file of detections that does not fit the truth is refused by file, image and detection", () => {
  const text = JSON.stringify({ images: [{ id: 3, file_name: "a.jpg" }], annotations: [], categories: [] });
  const truth = parseCocoAnnotations(text, "gt.json");
  const read = (root: unknown) =>
    parseDetections(JSON.stringify(root), { truth, names: { dt: "dt.json", gt: "gt.json" } });
  const found = { label: 1, score: 0.5, box: [1, 2, 3, 5] };
  assertEquals(read([{ image: "x/a.jpg", detections: [found] }]), [
    { image_id: 3, category_id: 1, bbox: [1, 2, 2, 3], score: 0.5 },
  ]);
  assertEquals(read([]), []);
  const refusals: [string, unknown][] = [
    ['dt.json: image 0: expected the name of an image of gt.json but found "b.jpg"', [{
      image: "b.jpg",
      detections: [],
    }]],
    ["dt.json: image 1: expected each image once", ["a.jpg", "x/a.jpg"].map((image) => ({ image, detections: [] }))],
    ["dt.json: image 0: detection 0: expected box", [{ image: "a.jpg", detections: [{ ...found, box: [1, 2, 3] }] }]],
    ["dt.json: image 0: detection 0: expected score", [{ image: "a.jpg", detections: [{ ...found, score: "1" }] }]],
    ["dt.json: image 1: expected image and detections", [{ image: "a.jpg", detections: [] }, 5]],
  ];
  for (const [message, root] of refusals) assertThrows(() => read(root), DinogradError, message);
});
