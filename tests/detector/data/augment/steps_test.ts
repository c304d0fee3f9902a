/** Each augmentation of one image moves pixels and boxes together, within its limits, and keeps what is left to be seen. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { changeColour } from "../../../../detector/data/images/colour.ts";
import { turnImage } from "../../../../detector/data/augment/pixels.ts";
import { describeAugmentation, transformsOf } from "../../../../detector/data/configured_transforms.ts";
import { type DinoConfig, preset } from "../../../../detector/config/mod.ts";
import { sizesAfter } from "../../../../detector/data/size_range.ts";
import type { AnnotatedImage } from "../../../../detector/data/target.ts";
import {
  cardsTransforms,
  cocoTransforms,
  type TransformSpec,
  type TransformStep,
} from "../../../../detector/data/transform_spec.ts";
import { applyTransforms } from "../../../../detector/data/transforms.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { distance, painted } from "../../../helpers/painted_samples.ts";

const scene = () =>
  painted(120, 80, [
    { label: 0, box: [10, 12, 34, 30] },
    { label: 1, box: [70, 40, 116, 78] },
    { label: 2, box: [50, 5, 62, 25] },
  ]);

function tries(step: TransformStep, { from = scene(), count = 60 } = {}): AnnotatedImage[] {
  const recipe = { ...cocoTransforms(false), steps: [step] };
  return Array.from({ length: count }, (_, at) => applyTransforms(from, recipe, RandomStream.named(7, `try ${at}`)));
}

Deno.test("a vertical flip and quarter turns keep every pixel, and boxes exactly around theirs", () => {
  const flipped = tries({ kind: "verticalFlip", probability: 0.5 });
  const turned = tries({ kind: "quarterTurn", probability: 0.75 });
  for (const sample of [...flipped, ...turned]) {
    assertEquals(sample.target.size, [sample.image.height, sample.image.width]);
    for (const index of sample.target.labels.keys()) assertEquals(distance(sample, index), 0);
  }
  const isFlipped = flipped.filter(({ target }) => target.boxes[1] !== 12).length;
  assert(isFlipped > 15 && isFlipped < 45, `${isFlipped}`);
  // All four orientations come up.
  assertEquals(new Set(turned.map(({ target, image }) => `${image.width} ${target.boxes[0]}`)).size, 4);
  for (let quarters = 0; quarters < 4; quarters++) {
    assertEquals(turnImage(turnImage(scene().image, quarters), (4 - quarters) % 4), scene().image);
  }
});

Deno.test("a rotation keeps round objects in boxes as tight as before, and drops what leaves the frame", () => {
  const discs = painted(160, 120, [
    { label: 0, box: [60, 40, 100, 80], isDisc: true },
    { label: 1, box: [110, 50, 150, 74], isDisc: true },
    { label: 2, box: [0, 0, 20, 20], isDisc: true },
  ]);
  const rotated = tries({ kind: "rotate", degrees: 90, minVisible: 0.5 }, { from: discs });
  let corners = 0;
  for (const sample of rotated) {
    assertEquals([sample.image.width, sample.image.height], [160, 120]);
    for (const [index, label] of sample.target.labels.entries()) {
      corners += Number(label === 2);
      const [left, top, right, bottom] = sample.target.boxes.subarray(index * 4, index * 4 + 4);
      assert(left >= 0 && top >= 0 && right <= 160 && bottom <= 120);
      const isWhole = left > 0 && top > 0 && right < 160 && bottom < 120;
      // Half a pixel of the disc's own steps, and the filter's blur.
      if (isWhole) assert(distance(sample, index) < 1.6, `${label}: ${distance(sample, index)}`);
    }
    assert(sample.target.labels.includes(0));
  }
  assert(corners > 5 && corners < 55, `the disc in the corner stays and goes: ${corners} of 60`);
  const small = tries({ kind: "rotate", degrees: 5, minVisible: 0 }, { from: discs });
  assert(small.every(({ target }) => Math.abs(target.boxes[0] - 60) < 6));
});

Deno.test("scale jitter reduces onto the frame and enlarges by leaving a part, boxes with their pixels", () => {
  const reduced = tries({ kind: "scaleJitter", smallest: 0.4, largest: 0.9, minVisible: 0.2 });
  for (const sample of reduced) {
    assertEquals([sample.image.width, sample.image.height, sample.target.labels.length], [120, 80, 3]);
    for (let index = 0; index < 3; index++) assert(distance(sample, index) <= 1.5, `${distance(sample, index)}`);
  }
  const widths = reduced.map(({ target }) => target.boxes[2] - target.boxes[0]);
  assert(Math.min(...widths) < 13 && Math.max(...widths) > 19, "24 pixels become 10 to 21");

  const enlarged = tries({ kind: "scaleJitter", smallest: 1.2, largest: 2.5, minVisible: 0.3 });
  const kept = enlarged.flatMap((sample) => [...sample.target.labels.keys()].map((index) => ({ sample, index })));
  assert(kept.length > 40 && kept.length < 170, `${kept.length}`);
  for (const { sample, index } of kept) {
    assertEquals(distance(sample, index), 0); // nothing is resized here
    const area = sample.target.area[index];
    const [whole] = [432, 1748, 240].filter((_, label) => label === sample.target.labels[index]);
    assert(area >= 0.3 * whole && area <= whole);
  }
  for (const { image } of enlarged) assertAlmostEquals(image.width / image.height, 1.5, 0.04);
});

Deno.test("the colour change is what SVG defines: grays keep their hue, and each part does its own", () => {
  const still = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
  const pixels = (...data: number[]) => ({ width: data.length / 3, height: 1, data: Uint8Array.from(data) });
  const image = pixels(200, 100, 50, 90, 90, 90, 10, 240, 30);
  const change = (
    changes: Partial<typeof still>,
    from = image,
  ) => [...changeColour(from, { ...still, ...changes }).data];
  assertEquals(change({}), [...image.data]);
  assertEquals(change({ brightness: 0.5 }).slice(0, 6), [100, 50, 25, 45, 45, 45]);
  const [red, green, blue] = change({ saturation: 0 });
  assert(red === green && green === blue && red === Math.round(0.213 * 200 + 0.715 * 100 + 0.072 * 50));
  assertEquals(change({ saturation: 0.3, hue: 0.4 }).slice(3, 6), [90, 90, 90]);
  assertEquals(change({ hue: 1 }), [...image.data]);
  // A third of a turn makes green of red, as far as the brightness of both lets it.
  const [r, g, b] = change({ hue: 1 / 3 }, pixels(180, 20, 20));
  assert(g > r && g > b, `${r} ${g} ${b}`);
  assertEquals(change({ contrast: 0.5 }, pixels(0, 0, 0, 200, 200, 200)), [50, 50, 50, 150, 150, 150]);
});

Deno.test("without a key the recipes are the ones of before, and each key adds its step in its place", () => {
  const coco = preset("DINO_4scale"), cards = preset("cards");
  const recipes: [DinoConfig, TransformSpec][] = [[coco, cocoTransforms(true)], [cards, cardsTransforms(true)]];
  for (const [config, { steps }] of recipes) {
    const { mixes, steps: configured } = transformsOf(config, true);
    assertEquals(configured.map(({ kind }) => kind), steps.map(({ kind }) => kind));
    assertEquals([mixes, configured[0].kind === "horizontalFlip"], [undefined, config === coco]);
  }
  assertEquals(describeAugmentation(coco), "recipe coco");

  const kinds = (changes: object) => transformsOf({ ...coco, ...changes }, true).steps.map(({ kind }) => kind);
  assertEquals(kinds({ aug_hflip: 0 }), ["select"]);
  assertEquals(kinds({ aug_vflip: 0.1, aug_rot90: 1, aug_rotate: 5, aug_scale_jitter: [0.5, 1], aug_hue: 0.01 }), [
    ...["verticalFlip", "quarterTurn", "rotate", "scaleJitter"],
    ...["horizontalFlip", "select", "colourChange"],
  ]);
  assertEquals(transformsOf(coco, true).steps[0], { kind: "horizontalFlip", probability: 0.5 });
  assertEquals(transformsOf({ ...cards, aug_hflip: 0.3 }, true).steps[0], { kind: "horizontalFlip", probability: 0.3 });
  assertEquals(transformsOf({ ...coco, aug_mosaic: 0.5 }, true).mixes, {
    ...{ mosaic: 0.5, copyPaste: 0, mixup: 0 },
    minVisible: 0.2,
  });
  const all = { ...coco, aug_mosaic: 1, aug_hue: 0.5, aug_rot90: 1, aug_hflip: 1, aug_scale_jitter: [0.5, 2] };
  assertEquals(transformsOf(all, false), transformsOf(coco, false));
  assertEquals(
    describeAugmentation({ ...coco, aug_hflip: 0, aug_scale_jitter: [0.5, 1.5] }),
    "recipe coco, aug_hflip=0, aug_scale_jitter=[0.5, 1.5]",
  );
});

Deno.test("sizes that the steps may lead to are foreseen", () => {
  const size = { width: 100, height: 60 };
  const after = (step: TransformStep) => sizesAfter(size, { steps: [step] });
  assertEquals(after({ kind: "quarterTurn", probability: 0.1 }), [size, { width: 60, height: 100 }]);
  assertEquals(after({ kind: "scaleJitter", smallest: 0.1, largest: 1, minVisible: 0 }), [size]);
  assertEquals(after({ kind: "scaleJitter", smallest: 0.1, largest: 2, minVisible: 0 }), [size, {
    width: 50,
    height: 30,
  }]);
  assertEquals(after({ kind: "rotate", degrees: 3, minVisible: 0 }), [size]);
});
