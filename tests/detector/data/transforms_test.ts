import { assert, assertEquals, assertThrows } from "@std/assert";
import { jitterColour, permuteChannels } from "../../../detector/data/images/colour.ts";
import { cropImage, flipImage, resizeBilinear } from "../../../detector/data/images/resize.ts";
import { type AnnotatedImage, normalizeTarget } from "../../../detector/data/target.ts";
import {
  cardsTransforms,
  cocoTransforms,
  type TransformSpec,
  type TransformStep,
} from "../../../detector/data/transform_spec.ts";
import { applyTransforms } from "../../../detector/data/transforms.ts";
import { RandomStream } from "../../../engine/random.ts";

/** An image whose colour tells the place: red = x, green = y, both in steps of 2; one object whose box is 10..30, 20..36. */
function sample(width = 100, height = 80): AnnotatedImage {
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at++) {
    data[at * 3] = (at % width) * 2;
    data[at * 3 + 1] = Math.floor(at / width) * 2;
    data[at * 3 + 2] = 50;
  }
  return {
    image: { width, height, data },
    target: {
      imageId: 3,
      boxes: Float32Array.of(10, 20, 30, 36),
      labels: Int32Array.of(4),
      area: Float32Array.of(200),
      iscrowd: Uint8Array.of(0),
      originalSize: [height, width],
      size: [height, width],
      cornersInPixels: true,
    },
  };
}

function spec(...steps: TransformStep[]): TransformSpec {
  return { ...cocoTransforms(true), steps };
}

function outcomes(steps: TransformSpec, { from = sample(), count = 200 } = {}): AnnotatedImage[] {
  return Array.from({ length: count }, (_, at) => applyTransforms(from, steps, RandomStream.named(1, `try ${at}`)));
}

Deno.test("the official recipes have the official sizes, scaled when asked", () => {
  const resize = { kind: "resize", sizes: [800], maxSize: 1333 };
  assertEquals(cocoTransforms(false).steps, [resize]);
  const [flip, select] = cocoTransforms(true).steps;
  assertEquals(flip, { kind: "horizontalFlip", probability: 0.5 });
  const second = select.kind === "select" ? select.second : [];
  assertEquals(second.map(({ kind }) => kind), ["resize", "sizeCrop", "resize"]);
  assertEquals(cocoTransforms(false, { scales: [333, 301], maxSize: 999, scaleFactor: 0.5 }).steps, [
    { kind: "resize", sizes: [166], maxSize: 499 },
  ]);
  assertEquals(cocoTransforms(true, { fixSize: true }).steps[1], { kind: "resize", sizes: [[1333, 800]] });
  assertEquals(cocoTransforms(true, { strongAugmentation: true }).steps.length, 3);
});

Deno.test("specifications survive JSON", () => {
  for (const recipe of [cocoTransforms(true, { strongAugmentation: true }), cardsTransforms(true)]) {
    assertEquals(JSON.parse(JSON.stringify(recipe)), recipe);
  }
});

Deno.test("fix_size gives every training image one size", () => {
  const fixed = cocoTransforms(true, { fixSize: true, scales: [30, 50], maxSize: 90 });
  for (const { image } of outcomes(fixed, { count: 10 })) assertEquals([image.width, image.height], [90, 50]);
});

Deno.test("a flip happens half the time, mirrors pixels and boxes, and twice changes nothing", () => {
  const flipped = outcomes(spec({ kind: "horizontalFlip", probability: 0.5 })).filter(({ target }) =>
    target.boxes[0] !== 10
  );
  assert(flipped.length > 70 && flipped.length < 130, `${flipped.length} of 200`);
  assertEquals([...flipped[0].target.boxes], [70, 20, 90, 36]);
  assertEquals(flipped[0].image.data[0], 99 * 2);
  assertEquals(flipImage(flipped[0].image), sample().image);
});

Deno.test("a random crop keeps pixels and boxes together and its sides within the limits", () => {
  for (const { image, target } of outcomes(spec({ kind: "sizeCrop", minSize: 30, maxSize: 70 }))) {
    for (const side of [image.width, image.height]) assert(side >= 30 && side <= 70);
    assertEquals(target.size, [image.height, image.width]);
    const [x, y] = [image.data[0] / 2, image.data[1] / 2];
    const expected = [10 - x, 20 - y, 30 - x, 36 - y].map((value, at) => {
      return Math.max(0, Math.min(value, at % 2 ? image.height : image.width));
    });
    if (target.labels.length > 0) assertEquals([...target.boxes], expected);
    else assert(expected[2] <= expected[0] || expected[3] <= expected[1]);
    const area = (target.boxes[2] - target.boxes[0]) * (target.boxes[3] - target.boxes[1]);
    if (target.labels.length > 0) assertEquals(target.area[0], area);
  }
});

Deno.test("an image smaller than the smallest crop stays whole", () => {
  for (const { image } of outcomes(spec({ kind: "sizeCrop", minSize: 384, maxSize: 600 }), { count: 5 })) {
    assertEquals([image.width, image.height], [100, 80]);
  }
});

Deno.test("the overlap crop keeps objects whose centres are inside, and boxes inside the image", () => {
  let cropped = 0;
  for (const { image, target } of outcomes(spec({ kind: "overlapCrop" }))) {
    assertEquals(target.labels.length, 1);
    assertEquals(target.size, [image.height, image.width]);
    const [x1, y1, x2, y2] = target.boxes;
    assert(x1 >= 0 && y1 >= 0 && x2 <= image.width && y2 <= image.height && x2 > x1 && y2 > y1);
    if (image.width < 100) cropped++;
  }
  assert(cropped > 50, `${cropped}`);
  const empty = { ...sample(), target: { ...sample().target, labels: new Int32Array(), boxes: new Float32Array() } };
  for (const { image } of outcomes(spec({ kind: "overlapCrop" }), { from: empty, count: 5 })) {
    assertEquals(image.width, 100);
  }
});

Deno.test("the square crop of the cards preset never leaves a part of an object and keeps the size", () => {
  let cropped = 0, lost = 0;
  const square = sample(80, 80);
  const step = cardsTransforms(true).steps[1];
  for (const { image, target } of outcomes(spec(step), { from: square })) {
    assertEquals([image.width, image.height], [80, 80]);
    if (image.data[3] !== 2 || image.data[0] !== 0) cropped++;
    if (target.labels.length === 0) lost++;
    // Zoomed by 1/0.75 at most, a box of which at least 75 % stays has at least that much of its area.
    else assert((target.boxes[2] - target.boxes[0]) * (target.boxes[3] - target.boxes[1]) >= 0.75 * 320 * 0.99);
  }
  assert(cropped > 80 && cropped < 160, `${cropped}`);
  assert(lost < 20, `${lost}`);
});

Deno.test("cards are never mirrored", () => {
  assert(!JSON.stringify(cardsTransforms(true)).includes("horizontalFlip"));
});

Deno.test("colour jitter stays within its limits and rounds to the nearest level", () => {
  const { image } = sample();
  const changed = jitterColour(image, { contrast: 1.2, brightness: -20, gains: [1, 0.9, 1.1] });
  assertEquals(changed.data[300], Math.max(0, Math.round((image.data[300] - 128) * 1.2 + 108)));
  assertEquals(changed.data[302], Math.round(((50 - 128) * 1.2 + 108) * 1.1));
  assertEquals(jitterColour(image, { contrast: 1, brightness: 0, gains: [1, 1, 1] }), image);
  assertEquals([...permuteChannels(image, [2, 0, 1]).data.subarray(3, 6)], [50, 2, 0]);
});

Deno.test("the same stream gives the same augmentation", () => {
  const strong = cocoTransforms(true, {
    scales: [60, 90],
    cropScales: [70],
    cropSizes: [30, 60],
    strongAugmentation: true,
  });
  assertEquals(outcomes(strong, { count: 5 }), outcomes(strong, { count: 5 }));
});

Deno.test("finished boxes are centres and sizes as fractions", () => {
  assertEquals(normalizeTarget(sample().target).boxes, Float32Array.of(0.2, 0.35, 0.2, 0.2));
});

Deno.test("a crop takes the pixels of its rectangle", () => {
  const { image } = sample();
  const part = cropImage(image, { x: 97, y: 3, width: 3, height: 2 });
  const rows = [3, 4].flatMap((y) => [...image.data.subarray((y * 100 + 97) * 3, (y * 100 + 100) * 3)]);
  assertEquals(part, { width: 3, height: 2, data: Uint8Array.from(rows) });
});

Deno.test("rectangles outside the image and sizes below one pixel are refused", () => {
  const { image } = sample();
  assertThrows(() => cropImage(image, { x: 90, y: 0, width: 11, height: 5 }), RangeError, "inside 100x80");
  assertThrows(() => resizeBilinear(image, { width: 0, height: 5 }), RangeError, "0x5");
});
