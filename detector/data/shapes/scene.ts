/**
 * One picture of shapes: discs, triangles and stars of any colour among squares and bars, on a background that is not plain,
 * in daylight of some colour, with a camera's noise. Pictures are small photographs in all that makes training awkward:
 * no two are of one size, some have nothing on them, and a heap of discs is annotated as a crowd.
 */
import type { RandomStream } from "../../../engine/random.ts";
import { maskIn } from "../augment/masks.ts";
import { blankImage, type Image } from "../images/image.ts";
import type { DrawnObject } from "../generated_set.ts";
import { areaOf, boundsOf, clipped, OUTLINES, placed } from "./outlines.ts";

/** What a picture can show, with the ids that it is annotated by: own data rarely counts from 1. */
export const SHAPE_CLASSES = [{ id: 1, name: "disc" }, { id: 5, name: "triangle" }, { id: 9, name: "star" }] as const;
const OUTLINE_OF = { disc: OUTLINES.disc, triangle: OUTLINES.triangle, star: OUTLINES.star } as const;

/** Sides are drawn from this range, in pixels. */
const SHORTEST = 160, LONGEST = 320;
/** Half of a shape's extent, as a share of the picture's short side. */
const SMALLEST = 0.06, LARGEST = 0.22;
const MOST_SHAPES = 5;
/** Shares of pictures: with nothing that is annotated, and with a heap. */
const EMPTY = 0.06, HEAPED = 0.06;
/** A shape lies in the picture with at least so much of its extent, and covers no more than this of another's. */
const MIN_INSIDE = 0.75, MAX_COVERED = 0.2;
/** Samples a pixel, along each side. */
const FINENESS = 2;

interface ShapeScene {
  readonly image: Image;
  readonly objects: readonly DrawnObject[];
}

type Box = readonly [left: number, top: number, right: number, bottom: number];

/** Draws a picture; it depends on the stream alone. */
export function drawShapes(random: RandomStream): ShapeScene {
  const between = (low: number, high: number) => low + random.uniform() * (high - low);
  const width = Math.round(between(SHORTEST, LONGEST)), height = Math.round(between(SHORTEST, LONGEST));
  const image = drawGround(width, height, random);
  for (let count = random.int(9); count > 0; count--) {
    const pose = poseIn(image, { random, reach: between(0.04, 0.16) });
    fill(image, placed(random.uniform() < 0.5 ? OUTLINES.square : OUTLINES.bar, pose), drawColour(random));
  }
  const objects: DrawnObject[] = [];
  const taken: Box[] = [];
  if (random.uniform() < HEAPED) {
    const heap = drawHeap(image, random);
    objects.push(heap);
    const [x, y, w, h] = heap.bbox;
    taken.push([x, y, x + w, y + h]);
  }
  const wanted = random.uniform() < EMPTY ? 0 : 1 + random.int(MOST_SHAPES);
  for (let attempt = 0, drawn = 0; attempt < 40 && drawn < wanted; attempt++) {
    const { id, name } = SHAPE_CLASSES[random.int(SHAPE_CLASSES.length)];
    const outline = placed(OUTLINE_OF[name], poseIn(image, { random, reach: between(SMALLEST, LARGEST) }));
    const box = boundsOf(outline);
    const colour = drawColour(random);
    if (insideShare(box, image) < MIN_INSIDE || taken.some((other) => coveredShare(other, box) > MAX_COVERED)) continue;
    fill(image, outline, colour);
    taken.push(box);
    objects.push(annotation(outline, { category_id: id, image }));
    drawn++;
  }
  return { image: takePhoto(image, random), objects };
}

function poseIn(
  { width, height }: Image,
  { random, reach }: { readonly random: RandomStream; readonly reach: number },
) {
  return {
    x: random.uniform() * width,
    y: random.uniform() * height,
    reach: reach * Math.min(width, height),
    aspect: 0.8 + random.uniform() * 0.4,
    angle: random.uniform() * 2 * Math.PI,
  };
}

function annotation(
  outline: readonly number[],
  { category_id, image }: { readonly category_id: number; readonly image: Image },
): DrawnObject {
  const tenth = (value: number) => Math.round(value * 10) / 10;
  const visible = clipped(outline, image).map(tenth);
  const [left, top, right, bottom] = boundsOf(visible);
  const bbox = [left, top, tenth(right - left), tenth(bottom - top)];
  return { category_id, bbox, area: tenth(areaOf(visible)), iscrowd: 0, segmentation: [visible] };
}

/** Twelve small discs close together, which nobody is asked to tell apart. */
function drawHeap(image: Image, random: RandomStream): DrawnObject {
  const side = Math.min(image.width, image.height);
  const reach = 0.035 * side, spread = 0.11 * side;
  const x = spread + reach + random.uniform() * (image.width - 2 * (spread + reach));
  const y = spread + reach + random.uniform() * (image.height - 2 * (spread + reach));
  for (let disc = 0; disc < 12; disc++) {
    const place = { x: x + (random.uniform() * 2 - 1) * spread, y: y + (random.uniform() * 2 - 1) * spread };
    fill(image, placed(OUTLINES.disc, { ...place, reach, aspect: 1, angle: 0 }), drawColour(random));
  }
  const half = Math.round(spread + reach);
  const bbox = [Math.max(0, Math.round(x) - half), Math.max(0, Math.round(y) - half), 2 * half, 2 * half];
  return { category_id: 1, bbox, area: 4 * half * half, iscrowd: 1 };
}

const insideShare = ([left, top, right, bottom]: Box, { width, height }: Image) =>
  coveredShare([left, top, right, bottom], [0, 0, width, height]);

/** The share of `box` that lies within `other`. */
function coveredShare(box: Box, other: Box): number {
  const across = Math.min(box[2], other[2]) - Math.max(box[0], other[0]);
  const down = Math.min(box[3], other[3]) - Math.max(box[1], other[1]);
  return Math.max(0, across) * Math.max(0, down) / ((box[2] - box[0]) * (box[3] - box[1]));
}

function drawColour(random: RandomStream): number[] {
  return [0, 1, 2].map(() => 20 + random.int(226));
}

/** Two colours that pass into one another along a drawn direction, in bands that are more or less to be seen. */
function drawGround(width: number, height: number, random: RandomStream): Image {
  const image = blankImage(width, height);
  const [from, to] = [drawColour(random), drawColour(random)];
  const angle = random.uniform() * 2 * Math.PI, cosine = Math.cos(angle), sine = Math.sin(angle);
  const reach = Math.hypot(width, height), strength = random.uniform() * 0.15, bands = 10 + random.uniform() * 50;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const along = ((x - width / 2) * cosine + (y - height / 2) * sine) / reach;
      const share = Math.max(0, Math.min(1, along + 0.5 + strength * Math.sin(along * bands)));
      for (let channel = 0; channel < 3; channel++) {
        image.data[at + channel] = Math.round(from[channel] * (1 - share) + to[channel] * share);
      }
    }
  }
  return image;
}

/** Fills a polygon, its border softened. */
function fill(image: Image, outline: readonly number[], colour: readonly number[]): void {
  const [left, top, right, bottom] = boundsOf(outline);
  const x = Math.max(0, Math.floor(left)), y = Math.max(0, Math.floor(top));
  const width = Math.min(image.width, Math.ceil(right)) - x, height = Math.min(image.height, Math.ceil(bottom)) - y;
  if (width < 1 || height < 1) return;
  const [columns, rows] = [width * FINENESS, height * FINENESS];
  const mask = maskIn({ polygons: [Float32Array.from(outline)] }, {
    box: [x, y, width, height],
    width: columns,
    height: rows,
  });
  const cover = new Float32Array(width * height);
  mask.forEach((one, at) => {
    cover[Math.floor(at / columns / FINENESS) * width + Math.floor(at % columns / FINENESS)] += one / FINENESS ** 2;
  });
  cover.forEach((share, pixel) => {
    const at = ((y + Math.floor(pixel / width)) * image.width + x + pixel % width) * 3;
    for (let channel = 0; channel < 3; channel++) {
      image.data[at + channel] += Math.round((colour[channel] - image.data[at + channel]) * share);
    }
  });
}

/** Exposure, a cast of colour, and noise. */
function takePhoto(image: Image, random: RandomStream): Image {
  const exposure = 0.75 + random.uniform() * 0.4, noise = random.uniform() * 14;
  const gains = [0, 1, 2].map(() => exposure * (0.93 + random.uniform() * 0.14));
  const values = random.uniforms(new Float32Array(image.data.length));
  const data = Uint8Array.from(image.data, (value, at) => {
    return Math.max(0, Math.min(255, Math.round(value * gains[at % 3] + (values[at] - 0.5) * 2 * noise)));
  });
  return { ...image, data };
}
