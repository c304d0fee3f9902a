import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { openDataset, pixelTarget } from "../../../detector/data/coco.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";

const EMPTY = { width: 20, height: 10 };

Deno.test("a data set lists its images by ascending id, whatever the ids and their order in the file", () =>
  inFolder(async (folder) => {
    const box = { category_id: 90, bbox: [1, 1, 3, 3] };
    await writeTinySplit(folder, "train", {
      images: [{ id: 900, ...EMPTY }, { id: 7, ...EMPTY, objects: [box] }, { id: 42, ...EMPTY }],
      categories: [{ id: 90, name: "toothbrush" }, { id: 3, name: "car" }],
    });
    const dataset = await openDataset(`${folder}/`, "train");
    assertEquals(dataset.imageIds, [7, 42, 900]);
    assertEquals(dataset.length, 3);
    assertEquals(dataset.imagePath(0), `${folder}/train2017/7.png`);
    assertEquals(dataset.imagePath(2), `${folder}/train2017/900.jpg`);
    assertEquals(dataset.maxCategoryId, 90);
    assertEquals([dataset.categoryName(90), dataset.categoryName(8)], ["toothbrush", "8"]);
    assertEquals(dataset.annotationHash().length, 64);
    dataset.requireClasses(91);
    const error = assertThrows(() => dataset.requireClasses(90), DinogradError);
    assertEquals(error.kind, "config");
    assertStringIncludes(error.message, "set num_classes to 91");
    await assertRejects(() => openDataset(folder, "train", { numClasses: 2 }), DinogradError, "num_classes=2");
  }));

Deno.test("targets leave out crowds, clamp boxes to the image and drop boxes without area", () =>
  inFolder(async (folder) => {
    await writeTinySplit(folder, "train", {
      images: [{
        id: 5,
        ...EMPTY,
        objects: [
          { category_id: 1, bbox: [-3, 2, 8, 30], area: 17 },
          { category_id: 2, bbox: [0, 0, 20, 10], iscrowd: 1 },
          { category_id: 2, bbox: [4, 4, 0, 5] },
          { category_id: 2, bbox: [25, 1, 5, 5] },
          { category_id: 2, bbox: [4, 4, -2, 5] },
          { category_id: 2, bbox: [0.1, 0.2, 0.3, 0.4] },
        ],
      }],
    });
    const dataset = await openDataset(folder, "train");
    assertEquals(dataset.objectsOf(0).length, 6);
    assertEquals(dataset.groundTruth.annotations[1].iscrowd, 1);
    const target = pixelTarget(dataset.entry(0), EMPTY);
    assertEquals([...target.labels], [1, 2]);
    assertEquals(target.area, Float32Array.of(17, 0.3 * 0.4));
    const [x, y, w, h] = [0.1, 0.2, 0.3, 0.4].map(Math.fround);
    assertEquals(target.boxes, Float32Array.of(0, 2, 5, 10, x, y, x + w, y + h));
    assertEquals(target.originalSize, [10, 20]);
  }));

Deno.test("other common names of folders and files are found", () =>
  inFolder(async (folder) => {
    await writeTinySplit(folder, "val", { images: [{ id: 1, ...EMPTY }] });
    await Deno.rename(`${folder}/val2017`, `${folder}/valid`);
    await Deno.rename(`${folder}/annotations/instances_val2017.json`, `${folder}/valid/_annotations.coco.json`);
    assertEquals((await openDataset(folder, "val")).imagePath(0), `${folder}/valid/1.png`);
  }));

const object = { category_id: 1, bbox: [1, 1, 2, 2] };
const broken: [title: string, edit: (file: Record<string, unknown[]>) => unknown, message: string][] = [
  ["no JSON", () => undefined, "expected JSON"],
  ["no object", () => [1], "expected an object with images, annotations and categories"],
  ["no list of images", (file) => ({ ...file, images: 3 }), "expected a list of images but found 3"],
  ["no images", (file) => ({ ...file, images: [], annotations: [] }), "the data set is empty: no images"],
  ["no annotations", (file) => ({ ...file, annotations: [] }), "no annotations to train on"],
  [
    "an unknown image id",
    (file) => ({ ...file, annotations: [{ id: 4, image_id: 99, ...object }] }),
    "annotation 4 has the unknown image id 99",
  ],
  [
    "unknown category ids",
    (file) => ({
      ...file,
      annotations: [1, 2, 3].map((id) => ({ id, image_id: 1, bbox: [0, 0, 1, 1], category_id: 77 })),
    }),
    "annotation 1 has the unknown category id 77 (and 2 more like it)",
  ],
  [
    "a box of three numbers",
    (file) => ({ ...file, annotations: [{ id: 4, image_id: 1, category_id: 1, bbox: [1, 2, 3] }] }),
    "annotation 4: expected bbox to be [x, y, width, height] but found [1, 2, 3]",
  ],
  [
    "a box that reaches to infinity",
    (file) => ({ ...file, annotations: [{ id: 4, image_id: 1, category_id: 1, bbox: [1, 2, 3, 1e308] }] }),
    "annotation 4: expected bbox to be [x, y, width, height] but found [1, 2, 3, 1e+308]",
  ],
  [
    "an area that no image has",
    (file) => ({ ...file, annotations: [{ id: 4, image_id: 1, ...object, area: 1e300 }] }),
    "annotation 4: expected an area in square pixels but found 1e+300",
  ],
  [
    "a name of megabytes",
    (file) => ({ ...file, images: [{ id: 1, file_name: "x".repeat(2 ** 21) }] }),
    'image 1: expected a shorter file_name but found "xxxx',
  ],
  [
    "an image listed twice",
    (file) => ({ ...file, images: [...file.images, ...file.images] }),
    "images: expected ids to differ but found 1 twice",
  ],
  ["an image without a name", (file) => ({ ...file, images: [{ id: 1 }] }), "image 1: expected a file_name"],
  ["a category without an id", (file) => ({ ...file, categories: [{ name: "x" }] }), "categories[0]: expected an id"],
];
for (const [title, edit, message] of broken) {
  Deno.test(`an annotation file with ${title} is refused by name`, () =>
    inFolder(async (folder) => {
      await writeTinySplit(folder, "train", { images: [{ id: 1, ...EMPTY, objects: [object] }] });
      const path = `${folder}/annotations/instances_train2017.json`;
      const edited = edit(JSON.parse(await Deno.readTextFile(path)));
      await Deno.writeTextFile(path, edited === undefined ? "{oops" : JSON.stringify(edited));
      const error = await assertRejects(() => openDataset(folder, "train"), DinogradError);
      assertEquals(error.kind, "data");
      assertStringIncludes(error.message, path);
      assertStringIncludes(error.message, message);
      assertEquals(error.message.split("\n").length, 1);
      assert(error.message.length < 500);
    }));
}

Deno.test("missing folders and files are named", () =>
  inFolder(async (folder) => {
    await assertRejects(() => openDataset(`${folder}/x`, "train"), DinogradError, `${folder}/x does not exist`);
    await assertRejects(() => openDataset(folder, "val"), DinogradError, "expected val2017/");
    await Deno.mkdir(`${folder}/val2017`);
    await assertRejects(
      () => openDataset(folder, "val"),
      DinogradError,
      "no val annotations: expected annotations/instances_val2017.json",
    );
  }));
