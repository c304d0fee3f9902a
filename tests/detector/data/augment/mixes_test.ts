/** Samples of several images: each object stays in its box, no more is covered or cut than allowed, and masks are kept. */
import { assert, assertEquals } from "@std/assert";
import { cutTarget } from "../../../../detector/data/augment/boxes.ts";
import { copyPaste } from "../../../../detector/data/augment/copy_paste.ts";
import { drawMix, type MixSpec } from "../../../../detector/data/augment/mix_plan.ts";
import { mixup } from "../../../../detector/data/augment/mixup.ts";
import { mosaic } from "../../../../detector/data/augment/mosaic.ts";
import type { ImageEntry } from "../../../../detector/data/dataset.ts";
import { parseCocoFile, type Segmentation } from "../../../../detector/data/coco_file.ts";
import type { AnnotatedImage } from "../../../../detector/data/target.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { boundsOf, COLOURS, distance, painted } from "../../../helpers/painted_samples.ts";

const stream = (at: number) => RandomStream.named(3, `try ${at}`);
const load = (sample: AnnotatedImage) => () => Promise.resolve(sample);

Deno.test("a mosaic has the frame of its first image, and each object that is left in its box", async () => {
  const images = [
    painted(120, 80, [{ label: 0, box: [20, 10, 60, 50] }, { label: 1, box: [80, 50, 118, 78] }]),
    painted(60, 90, [{ label: 2, box: [10, 20, 50, 60] }], 2),
    painted(200, 100, [{ label: 3, box: [100, 30, 160, 90] }], 3),
    painted(40, 40, [{ label: 4, box: [8, 8, 30, 30] }], 4),
  ];
  const [first, ...others] = images.map(load);
  const seen = new Map<number, number>();
  for (let at = 0; at < 60; at++) {
    const sample = await mosaic(await first(), [others[0], others[1], others[2]], {
      minVisible: 0.3,
      random: stream(at),
    });
    assertEquals([sample.image.width, sample.image.height], [120, 80]);
    assertEquals([sample.target.size, sample.target.originalSize, sample.target.imageId], [[80, 120], [80, 120], 1]);
    for (const [index, label] of sample.target.labels.entries()) {
      seen.set(label, (seen.get(label) ?? 0) + 1);
      assert(distance(sample, index) <= 1.6, `try ${at}, ${label}: ${distance(sample, index)}`);
    }
  }
  for (let label = 0; label < 5; label++) assert((seen.get(label) ?? 0) > 10, `${label}: ${seen.get(label)}`);
  assert(seen.values().some((count) => count < 60), "some are cut off too far");
});

Deno.test("a mosaic of photographs has a frame of 1600 pixels", async () => {
  const large = painted(3200, 20, [{ label: 0, box: [100, 5, 200, 15] }]);
  const one = load(large);
  const { image, target } = await mosaic(large, [one, one, one], { minVisible: 0, random: stream(0) });
  assertEquals([image.width, image.height, target.size], [1600, 10, [10, 1600]]);
});

Deno.test("of what is cut less than the least share goes, and what has no area", () => {
  const { target } = painted(100, 100, [
    { label: 0, box: [0, 0, 10, 10] },
    { label: 1, box: [40, 40, 60, 60] },
    { label: 2, box: [45, 10, 55, 20] },
    { label: 3, box: [90, 90, 100, 100] },
  ]);
  const left = (minVisible: number) => cutTarget(target, { x: 50, y: 0, width: 50, height: 90 }, { minVisible });
  assertEquals([...left(0.5).labels], [1, 2]);
  assertEquals([...left(0.51).labels], []);
  assertEquals([...left(0).labels], [1, 2]); // a line of contact is no area
  assertEquals([...left(0).boxes], [50, 40, 60, 60, 50, 10, 55, 20]);
  assertEquals([...left(0).area], [200, 50]);
});

Deno.test("mixup shows both images whole, each by 40 to 60 %, and has the objects of both", () => {
  const first = painted(120, 80, [{ label: 0, box: [20, 10, 60, 50] }]);
  const other = painted(300, 300, [{ label: 2, box: [50, 100, 250, 280] }], 2);
  const places = new Set<number>();
  for (let at = 0; at < 30; at++) {
    const sample = mixup(first, other, stream(at));
    assertEquals([sample.image.width, sample.image.height, ...sample.target.labels], [120, 80, 0, 2]);
    const { data } = sample.image;
    const inside = (10 * 120 + 20) * 3; // a corner of the first object
    assert(data[inside] >= 0.4 * 255 && data[inside] <= 0.6 * 255 + 0.6 * 124);
    const isBlue = (pixel: readonly number[]) => pixel[2] > 90 && pixel[1] < 15 && pixel[2] < 160;
    assert(distance(sample, 1, (image, label) => boundsOf(image, label, isBlue)) <= 1.6, `try ${at}`);
    assertEquals([...sample.target.boxes.subarray(0, 4)], [20, 10, 60, 50]);
    places.add(sample.target.boxes[4]);
  }
  assert(places.size > 5);
});

/** The image of an entry whose only object fills a box and, where it has a mask, a part of that. */
function source(segmentation?: Segmentation) {
  const { image } = painted(100, 100, [{ label: 1, box: [20, 30, 60, 70] }]);
  const object = { id: 1, image_id: 2, category_id: 1, bbox: [20, 30, 40, 40], area: 1600, iscrowd: 0 };
  const entry: ImageEntry = {
    imageId: 2,
    path: "",
    objects: [{ ...object, ...(segmentation ? { segmentation } : {}) }],
  };
  return { image, entry };
}

Deno.test("pasted objects are in their boxes, at several scales, and cover no other by more than 30 %", () => {
  const first = painted(160, 100, [{ label: 0, box: [60, 30, 100, 70] }]);
  const before = first.image.data.slice();
  const widths: number[] = [];
  for (let at = 0; at < 80; at++) {
    const sample = copyPaste(first, source(), stream(at));
    const [, pasted] = sample.target.labels;
    if (pasted === undefined) continue;
    assertEquals(pasted, 1);
    assert(distance(sample, 1) <= 1, `try ${at}: ${distance(sample, 1)}`);
    const left = sample.image.data.filter((value, i) => i % 3 === 0 && value === 255).length;
    assert(left >= 0.7 * 1600, `try ${at}: ${left}`);
    widths.push(sample.target.boxes[6] - sample.target.boxes[4]);
  }
  assert(widths.length > 20 && widths.length < 60, `half the time: ${widths.length}`);
  assert(Math.min(...widths) < 26 && Math.max(...widths) > 50);
  assertEquals(first.image.data, before);
});

Deno.test("an object with a mask is pasted without its surroundings, from polygons and run lengths alike", () => {
  const first = painted(160, 100, []);
  // The left half of the box, as a polygon and down the columns.
  const polygon: Segmentation = { polygons: [Float32Array.of(20, 30, 40, 30, 40, 70, 20, 70)] };
  const counts = [20 * 100 + 30, ...Array.from({ length: 19 }, () => [40, 60]).flat(), 40, 100 * 100];
  const green = ({ image: { data } }: AnnotatedImage) => data.filter((value, i) => i % 3 === 1 && value === 255).length;
  for (let at = 0; at < 20; at++) {
    const whole = copyPaste(first, source(), stream(at));
    const halves = [polygon, { size: [100, 100] as const, counts }].map((mask) =>
      copyPaste(first, source(mask), stream(at))
    );
    if (whole.target.labels.length === 0) continue;
    assertEquals(halves[0].image.data, halves[1].image.data);
    const share = green(halves[0]) / green(whole);
    assert(share > 0.45 && share < 0.55, `${share}`);
    assertEquals(halves[0].target.boxes, whole.target.boxes);
  }
  const nothing = copyPaste(first, source({ polygons: [Float32Array.of(0, 0, 1, 0, 1, 1)] }), stream(1));
  assertEquals(nothing.target.labels.length, 0);
});

Deno.test("segmentations are kept where they are asked for, and nonsense is passed over", () => {
  const text = (segmentation: unknown) =>
    new TextEncoder().encode(JSON.stringify({
      images: [{ id: 1, file_name: "a.jpg" }],
      categories: [{ id: 1, name: "one" }],
      annotations: [{ id: 1, image_id: 1, category_id: 1, bbox: [0, 0, 5, 5], segmentation }],
    }));
  const read = (segmentation: unknown) =>
    parseCocoFile(text(segmentation), "a.json", { masks: true }).annotations[0].segmentation;
  assertEquals(read([[0, 0, 5, 0, 5, 5]]), { polygons: [Float32Array.of(0, 0, 5, 0, 5, 5)] });
  assertEquals(read({ size: [5, 6], counts: [0, 30] }), { size: [5, 6], counts: [0, 30] });
  assertEquals(read({ size: [5, 6], counts: "0n0" }), { size: [5, 6], counts: "0n0" });
  const nonsense = [[], [[1, 2]], [[1, 2, 3, 4, 5, "6"]], [[1, 2, 3, 4, 5]], {}, { size: [5], counts: [1] }, 5, null];
  const huge = [{ size: [1e9, 1e9], counts: [1] }, { size: [5, 6], counts: [-1] }, { size: [1e8, 1e8], counts: "0" }];
  for (const one of [...nonsense, ...huge]) assertEquals(read(one), undefined);
  assertEquals(parseCocoFile(text([[0, 0, 5, 0, 5, 5]]), "a.json").annotations[0].segmentation, undefined);
});

Deno.test("partners are drawn with the frequency of the order, and one augmentation does not move those of another", () => {
  const order = Int32Array.of(0, 1, 1, 1, 1, 1, 1, 1);
  const plans = (spec: Partial<MixSpec>) => {
    const all = { mosaic: 0, copyPaste: 0, mixup: 0, minVisible: 0, ...spec };
    return Array.from({ length: 400 }, (_, at) => drawMix(all, { order, random: stream(at) }));
  };
  assertEquals(plans({}), Array.from({ length: 400 }, () => ({})));
  const both = plans({ mosaic: 0.5, mixup: 0.25 });
  const mosaics = both.filter(({ mosaic }) => mosaic).length, mixups = both.filter(({ mixup }) => mixup !== undefined);
  assert(mosaics > 160 && mosaics < 240 && mixups.length > 70 && mixups.length < 130, `${mosaics}, ${mixups.length}`);
  const zeros = plans({ mixup: 1 }).filter(({ mixup }) => mixup === 0).length;
  assert(zeros > 30 && zeros < 75, `an eighth: ${zeros}`);
  assertEquals(plans({ mixup: 0.25 }).map(({ mixup }) => mixup), both.map(({ mixup }) => mixup));
});

Deno.test("the colours of the painted samples are told apart", () => {
  COLOURS.forEach((_, label) => {
    const sample = painted(20, 20, [{ label, box: [3, 4, 12, 15] }]);
    COLOURS.forEach((_, other) => assertEquals(boundsOf(sample.image, other) !== undefined, other === label));
    assertEquals(distance(sample, 0), 0);
  });
});
