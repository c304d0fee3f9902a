import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  type AnnotatedDataset,
  checkDataset,
  datasetStats,
  formatOfFolder,
  readDatasetFolder,
  splitDataset,
  writeDatasetFolder,
} from "../../../../detector/data/formats/mod.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { errorLine, runCli } from "../../../helpers/run_cli.ts";
import { type TinyObject, writeTinySplit } from "../../../helpers/tiny_dataset.ts";

const CATEGORIES = [{ id: 2, name: "cat" }, { id: 7, name: "dog & co" }];

/** A list that is doubled `times` times, the last one by the name `a40`. */
const doubledYaml = (times: number) =>
  ["a0: &a0 [x]", ...Array.from({ length: times }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`)].join("\n");

/** Two training images, one with a crowd, one validation image of the same name as the first. */
async function writeSource(folder: string): Promise<string> {
  const root = `${folder}/coco`;
  const image = (id: number, ...objects: TinyObject[]) => ({ id, width: 60 + id, height: 40, objects });
  const first = { category_id: 2, bbox: [5, 6, 20, 10], area: 150, iscrowd: 0 };
  const second = { category_id: 7, bbox: [30, 0, 30, 40], area: 1200, iscrowd: 0 };
  const crowd = { category_id: 7, bbox: [0, 20, 60, 20], area: 1000, iscrowd: 1 };
  await writeTinySplit(root, "train", {
    images: [image(1, first, second), image(2, second, crowd)],
    categories: CATEGORIES,
  });
  return await writeTinySplit(root, "val", {
    images: [{ ...image(1, first), width: 70 }], // another size, other pixels
    categories: CATEGORIES,
  });
}

/** Splits with the names of classes instead of ids, which formats number differently, and without paths. */
function contentsOf({ categories, splits }: AnnotatedDataset, { crowds = true, whole = false } = {}) {
  const nameOf = new Map(categories.map(({ id, name }) => [id, name]));
  const round = (value: number) => whole ? Math.round(value) : Math.round(value * 1e6) / 1e6;
  return Object.fromEntries(
    [...splits].map(([split, images]) => [
      split,
      images.map(({ width, height, objects }) => ({
        size: [width, height],
        objects: objects.filter(({ isCrowd }) => crowds || !isCrowd)
          .map(({ categoryId, box, isCrowd }) => [nameOf.get(categoryId), ...box.map(round), isCrowd]),
      })),
    ]),
  );
}

Deno.test("a data set keeps its boxes, classes and parts from COCO through YOLO and VOC and back", async () => {
  await inFolder(async (folder) => {
    const source = await readDatasetFolder(await writeSource(folder));
    for (const format of ["coco", "yolo", "voc"] as const) {
      const out = `${folder}/${format}_copy`;
      await writeDatasetFolder(out, source, { format });
      assertEquals(await formatOfFolder(out), format);
      const again = await readDatasetFolder(out);
      const crowds = format !== "yolo"; // which has none
      assertEquals(contentsOf(again, { crowds }), contentsOf(source, { crowds }), format);
      for (const [split, images] of source.splits) {
        for (const [at, { path }] of images.entries()) {
          const copy = again.splits.get(split)?.[at].path ?? "";
          assertEquals(await Deno.readFile(copy), await Deno.readFile(path), `${format}: ${copy}`);
        }
      }
    }
    assertEquals((await readDatasetFolder(`${folder}/coco_copy`)).categories, CATEGORIES);
  });
});

Deno.test("links lead to the originals, and a folder with files in it is not written to", async () => {
  await inFolder(async (folder) => {
    const source = await readDatasetFolder(await writeSource(folder));
    await writeDatasetFolder(`${folder}/linked`, source, { format: "voc", link: true });
    const [first] = (await readDatasetFolder(`${folder}/linked`)).splits.get("train") ?? [];
    assert((await Deno.lstat(first.path)).isSymlink);
    await assertRejects(
      () => writeDatasetFolder(`${folder}/linked`, source, { format: "yolo" }),
      DinogradError,
      "expected a new or empty folder",
    );
  });
});

Deno.test("YOLO polygons become the boxes around them, images without labels are images of nothing", async () => {
  await inFolder(async (folder) => {
    const source = await readDatasetFolder(await writeSource(folder));
    await writeDatasetFolder(`${folder}/yolo`, source, { format: "yolo" });
    const labels = [...Deno.readDirSync(`${folder}/yolo/labels/train`)].map(({ name }) => name).sort();
    await Deno.writeTextFile(`${folder}/yolo/labels/train/${labels[0]}`, "1 0.25 0.5 0.75 0.25 0.5 0.75\n");
    await Deno.remove(`${folder}/yolo/labels/train/${labels[1]}`);
    const [first, second] = (await readDatasetFolder(`${folder}/yolo`)).splits.get("train") ?? [];
    assertEquals(first.objects[0].box, [0.25 * 61, 0.25 * 40, 0.5 * 61, 0.5 * 40]);
    assertEquals(second.objects, []);
  });
});

Deno.test("what a label file, a description or an annotation lacks is told with its file and line", async () => {
  await inFolder(async (folder) => {
    const source = await readDatasetFolder(await writeSource(folder));
    for (const format of ["yolo", "voc"] as const) await writeDatasetFolder(`${folder}/${format}`, source, { format });
    const [label] = [...Deno.readDirSync(`${folder}/yolo/labels/val`)].map(({ name }) =>
      `${folder}/yolo/labels/val/${name}`
    );
    const [xml] = [...Deno.readDirSync(`${folder}/voc/Annotations`)].map(({ name }) =>
      `${folder}/voc/Annotations/${name}`
    );
    const cases: readonly [path: string, text: string, message: string][] = [
      [label, "9 0.5 0.5 0.1 0.1", "line 1: expected a class in 0..1 but found"],
      [label, "0 0.5 0.5 0.1 0.1\n0 0.5 x 0.1 0.1", "line 2: expected class, centre"],
      [`${folder}/yolo/data.yaml`, "names: [a, b]\nval: ../coco", "expected val to be a folder within"],
      [`${folder}/yolo/data.yaml`, "names: {0: a, 2: b}", "expected names of classes 0, 1"],
      [`${folder}/yolo/data.yaml`, "names: [{toString: 1}]", 'the name of a class but found {"toString": 1}'],
      [`${folder}/yolo/data.yaml`, `${doubledYaml(40)}\nnames: [*a40]`, "the name of a class but found [[[["],
      [
        `${folder}/yolo/data.yaml`,
        `${doubledYaml(40)}\nnames: {0: *a40}`,
        "the name of a class but found [[[[",
      ],
      [`${folder}/yolo/data.yaml`, "a: [", "expected YAML"],
      [xml, "<annotation><object>", "expected XML"],
      [xml, "<annotation><object><name>x</name></object></annotation>", "expected a name and bndbox"],
    ];
    for (const [path, text, message] of cases) {
      const sound = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, text);
      const root = path.startsWith(`${folder}/yolo`) ? "yolo" : "voc";
      await assertRejects(() => readDatasetFolder(`${folder}/${root}`), DinogradError, message);
      await Deno.writeTextFile(path, sound);
    }
  });
});

Deno.test("a split takes its share of every class, the same for the same seed, and nothing twice", () => {
  const image = (at: number, categoryId: number) => ({
    path: `${at}.jpg`,
    name: `${at}.jpg`,
    width: 10,
    height: 10,
    objects: [{ categoryId, box: [0, 0, 5, 5] as const, area: 25, isCrowd: false }],
  });
  const images = Array.from({ length: 100 }, (_, at) => image(at, at < 10 ? 1 : 2));
  const dataset: AnnotatedDataset = { categories: CATEGORIES, splits: new Map([["train", images]]) };
  const { splits } = splitDataset(dataset, { share: 0.2, seed: 3 });
  const [train, val] = [splits.get("train") ?? [], splits.get("val") ?? []];
  assertEquals([train.length, val.length], [80, 20]);
  assertEquals(new Set([...train, ...val]).size, 100);
  assertEquals(val.filter(({ objects }) => objects[0].categoryId === 1).length, 2); // a fifth of the rare class
  const names = (seed: number) =>
    splitDataset(dataset, { share: 0.2, seed }).splits.get("val")?.map(({ name }) => name);
  assertEquals(names(3), val.map(({ name }) => name));
  assert(names(4)?.join() !== names(3)?.join());
});

Deno.test("a check finds boxes outside, objects listed twice, the same image in two parts, and classes nobody shows", async () => {
  await inFolder(async (folder) => {
    const source = await readDatasetFolder(await writeSource(folder));
    assertEquals((await checkDataset(source)).map(({ text }) => text), ["classes without an object in val: dog & co"]);
    const [first] = source.splits.get("train") ?? [];
    const object = { ...first.objects[0], box: [500, 0, 10, 10] as const };
    const bad = { ...first, objects: [object, object, { ...object, box: [-9, 0, 20, 10] as const }] };
    const findings = await checkDataset({ ...source, splits: new Map([["train", [bad]], ["val", [first]]]) });
    const text = findings.map((one) => `${one.severity} ${one.text}`).join("\n");
    assertStringIncludes(text, "error boxes outside their image");
    assertStringIncludes(text, "warning boxes that reach beyond their image");
    assertStringIncludes(text, "warning objects that are listed twice");
    assertStringIncludes(text, "error the same image in two parts of the data set");
    assertStringIncludes(text, "error classes without an object in train");
  });
});

Deno.test("statistics count images, objects by class and size, and crowds apart", async () => {
  await inFolder(async (folder) => {
    const stats = datasetStats(await readDatasetFolder(await writeSource(folder))).get("train");
    assertEquals([stats?.images, stats?.objects, stats?.crowds, stats?.empty, stats?.mostObjects], [2, 3, 1, 0, 2]);
    assertEquals(stats?.sizes, { small: 1, medium: 2, large: 0 });
    assertEquals(stats?.classes.map(({ objects, images }) => [objects, images]), [[1, 1], [2, 2]]);
    assertEquals([stats?.smallestImage, stats?.largestImage], [[61, 40], [62, 40]]);
  });
});

Deno.test("dataset convert, split, stats, check and show do what they say, and refuse what does not fit", async () => {
  await inFolder(async (folder) => {
    const source = await writeSource(folder);
    const run = (...args: string[]) => runCli(["dataset", ...args]);
    assertEquals((await run("convert", source, "--to", "yolo", "--out", `${folder}/yolo`)).code, 0);
    assertStringIncludes((await run("stats", `${folder}/yolo`)).stdout, "train: 2 images");
    assertEquals((await run("check", `${folder}/yolo`)).code, 0);
    assertEquals((await run("show", source, "--out", `${folder}/shown`, "--images", "2")).code, 0);
    assertEquals([...Deno.readDirSync(`${folder}/shown`)].map(({ name }) => name).sort(), ["train", "val"]);
    const refused: readonly [code: number, message: string, args: string[]][] = [
      [2, "expected cards, shapes, convert, split, stats, check, show but found carts", ["carts"]],
      [2, "expected --out DIR but found none", ["cards"]],
      [2, "expected the folder of a data set but found none", ["stats"]],
      [2, "expected none of the others' flags but found --val", ["stats", source, "--val", "0.1"]],
      [3, "expected a data set without validation images", ["split", source, "--out", `${folder}/x`]],
      [3, "expected the folder of a data set but found none", ["check", `${folder}/nowhere`]],
      [3, "expected a data set (coco, yolo, voc)", ["check", folder]],
    ];
    for (const [code, message, args] of refused) {
      const result = await run(...args);
      assertEquals(result.code, code, args.join(" "));
      assertStringIncludes(errorLine(result), message);
    }
  });
});
