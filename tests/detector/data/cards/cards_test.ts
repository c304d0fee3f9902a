import { assert, assertEquals, assertRejects } from "@std/assert";
import { FaceLibrary, RANKS } from "../../../../detector/data/cards/face.ts";
import { drawScene } from "../../../../detector/data/cards/scene.ts";
import { generateCards, openDataset, readImage } from "../../../../detector/data/mod.ts";
import { CARD_CATEGORIES } from "../../../../detector/data/cards/cards.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { inFolder } from "../../../helpers/in_folder.ts";

async function filesBelow(folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const part of ["train2017", "val2017", "annotations"]) {
    for await (const { name } of Deno.readDir(`${folder}/${part}`)) {
      files.set(`${part}/${name}`, await Deno.readFile(`${folder}/${part}/${name}`));
    }
  }
  return files;
}

Deno.test("a generated set opens as a COCO data set with six ranks and boxes inside the images", () =>
  inFolder(async (folder) => {
    const progress: number[] = [];
    const counts = await generateCards({ out: folder, images: 30, seed: 3, onProgress: (done) => progress.push(done) });
    assertEquals(counts.valImages, 20);
    assertEquals(progress.at(-1), 50);
    const train = await openDataset(folder, "train", { numClasses: 7 }), val = await openDataset(folder, "val");
    assertEquals([train.length, val.length], [30, 20]);
    assertEquals(train.categories.map(({ name }) => name), [...RANKS]);
    assertEquals(train.categories, [...CARD_CATEGORIES]);
    assertEquals(train.numAnnotations, counts.trainObjects);
    for (const { bbox: [x, y, width, height], area } of train.groundTruth.annotations) {
      assert(x >= 0 && y >= 0 && x + width <= 160 && y + height <= 160);
      assert(width >= 14 && height >= 14 && area > 0 && area <= width * height);
    }
    for (let index = 0; index < train.length; index++) {
      const cards = train.objectsOf(index).length;
      assert(cards >= 1 && cards <= 5);
    }
    const { width, height } = await readImage(train.imagePath(0));
    assertEquals([width, height], [160, 160]);
  }));

Deno.test("the same seed gives the same bytes, image by image, and another seed others", () =>
  inFolder(async (folder) => {
    const sets = [];
    for (const [at, [images, seed]] of [[4, 1], [4, 1], [6, 1], [4, 2]].entries()) {
      await generateCards({ out: `${folder}/${at}`, images, valImages: 2, seed });
      sets.push(await filesBelow(`${folder}/${at}`));
    }
    assertEquals(sets[0], sets[1]);
    const name = "train2017/000000000003.jpg";
    assertEquals(sets[0].get(name), sets[2].get(name));
    assert(sets[0].get(name)?.join() !== sets[3].get(name)?.join());
    assert(sets[0].get("train2017/000000000001.jpg")?.join() !== sets[0].get("val2017/000000000001.jpg")?.join());
  }));

Deno.test("all ranks come up about equally often, and overlaps and cut cards are common", async () => {
  const faces = new FaceLibrary();
  const counts = new Map<string, number>();
  let total = 0, atEdge = 0, overlapping = 0;
  for (let at = 0; at < 120; at++) {
    const { objects } = await drawScene(160, { random: RandomStream.named(8, `scene ${at}`), faces });
    for (const { rank, box: [x, y, width, height] } of objects) {
      counts.set(rank, (counts.get(rank) ?? 0) + 1);
      total++;
      if (x === 0 || y === 0 || x + width === 160 || y + height === 160) atEdge++;
      const meets = objects.some(({ box: other }) =>
        other[0] !== x && other[0] < x + width && x < other[0] + other[2] && other[1] < y + height &&
        y < other[1] + other[3]
      );
      if (meets) overlapping++;
    }
  }
  assertEquals(counts.size, 6);
  for (const [rank, count] of counts) assert(count > total / 6 * 0.5 && count < total / 6 * 1.6, `${rank}: ${count}`);
  assert(atEdge > total * 0.15 && overlapping > total * 0.15, `${atEdge} and ${overlapping} of ${total}`);
});

Deno.test("existing annotations are not overwritten unless allowed, and impossible numbers are refused", () =>
  inFolder(async (folder) => {
    const options = { out: folder, images: 1, valImages: 1, seed: 0 };
    await generateCards(options);
    const error = await assertRejects(() => generateCards(options), DinogradError, "exists already");
    assertEquals(error.kind, "usage");
    await generateCards({ ...options, overwrite: true });
    await assertRejects(() => generateCards({ ...options, images: 0 }), DinogradError, "at least 1 but found 0");
    await assertRejects(() => generateCards({ ...options, size: 20 }), DinogradError, "at least 96");
  }));
