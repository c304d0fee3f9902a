/** The pictures of shapes are what the guide on own data needs: sound, mixed, the same from the same seed. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { maskIn } from "../../../../detector/data/augment/masks.ts";
import { openDataset } from "../../../../detector/data/mod.ts";
import { readImage } from "../../../../detector/data/images/image_codec.ts";
import { checkDataset, readDatasetFolder } from "../../../../detector/data/formats/mod.ts";
import { drawShapes } from "../../../../detector/data/shapes/scene.ts";
import { generateShapes } from "../../../../detector/data/shapes/shapes.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { runCli } from "../../../helpers/run_cli.ts";

Deno.test("scenes have all classes in boxes that bound their masks, crowds, empty pictures, and sizes that differ", () => {
  const counts = new Map<number, number>();
  const sizes = new Set<string>();
  let crowds = 0, empty = 0;
  for (let at = 0; at < 80; at++) {
    const { image: { width, height }, objects } = drawShapes(RandomStream.named(1, `scene ${at}`));
    sizes.add(`${width}x${height}`);
    empty += Number(objects.length === 0);
    for (const { category_id, bbox: [x, y, w, h], area, iscrowd, segmentation } of objects) {
      assert(x >= 0 && y >= 0 && x + w <= width + 0.1 && y + h <= height + 0.1 && w > 8 && h > 8);
      crowds += iscrowd;
      if (iscrowd === 1) continue;
      counts.set(category_id, (counts.get(category_id) ?? 0) + 1);
      assert(area > 0 && area <= (w + 1) * (h + 1));
      const polygons = (segmentation ?? []).map((polygon) => Float32Array.from(polygon));
      const mask = maskIn({ polygons }, { box: [x, y, w, h], width: 150, height: 150 });
      const has = (isIn: (column: number, row: number) => boolean) =>
        mask.some((one, i) => one === 1 && isIn(i % 150, Math.floor(i / 150)));
      assert(has((column) => column < 10) && has((column) => column > 139), "from left to right");
      assert(has((_, row) => row < 10) && has((_, row) => row > 139), "from top to bottom");
    }
  }
  assertEquals([...counts.keys()].sort(), [1, 5, 9]);
  for (const count of counts.values()) assert(count > 40, `${count}`);
  assert(sizes.size > 60 && crowds > 0 && empty > 0, `${sizes.size} sizes, ${crowds} crowds, ${empty} empty`);
});

Deno.test("the folder is a sound data set, and the same for the same seed", () =>
  inFolder(async (folder) => {
    const make = (out: string, seed: number) =>
      generateShapes({ out: `${folder}/${out}`, images: 14, valImages: 2, seed });
    const counts = await make("a", 1);
    assertEquals([counts.trainImages, counts.valImages], [14, 2]);
    const train = await openDataset(`${folder}/a`, "train", { masks: true });
    assertEquals(train.categories.map(({ id, name }) => [id, name]), [[1, "disc"], [5, "triangle"], [9, "star"]]);
    assertEquals(train.numAnnotations, counts.trainObjects);
    assert(train.groundTruth.annotations.some(({ segmentation }) => segmentation !== undefined));
    for (let index = 0; index < train.length; index++) {
      const { width, height } = await readImage(train.imagePath(index));
      assertEquals(train.statedSize(index), { width, height });
    }
    const findings = await checkDataset(await readDatasetFolder(`${folder}/a`));
    assertEquals(findings.filter(({ severity }) => severity === "error"), []);
    await make("b", 1);
    await make("c", 2);
    const bytes = (out: string) => Deno.readFile(`${folder}/${out}/train2017/0003.jpg`);
    assertEquals(await bytes("a"), await bytes("b"));
    assertNotEquals(await bytes("a"), await bytes("c"));
    await assertRejects(() => make("a", 1), DinogradError, "shapes: ");
    const line = await runCli(["dataset", "shapes", "--out", `${folder}/d`, "--images", "2", "--val_images", "1"]);
    assertEquals(line.code, 0, line.stderr);
    assert(/d: 2 training images with \d+ objects?, 1 validation image with \d+\n$/.test(line.stdout), line.stdout);
    const again = await runCli(["dataset", "shapes", "--out", `${folder}/d`, "--images", "2"]);
    assertEquals(again.code, 2);
    const size = await runCli(["dataset", "shapes", "--out", `${folder}/e`, "--size", "200"]);
    assert(size.stderr.includes("dataset shapes: expected none of the others' flags but found --size"), size.stderr);
  }));
