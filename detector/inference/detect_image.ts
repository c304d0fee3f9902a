/** Detection in images that are in memory: what a program needs that wants boxes and no files. */
import { withoutGradient } from "../../engine/autograd.ts";
import { DinogradError } from "../../engine/errors.ts";
import { scoped } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import { inTurn } from "../../engine/turns.ts";
import type { DinoConfig } from "../config/mod.ts";
import type { TileOptions } from "../config/tile_options.ts";
import { transformsOf } from "../data/configured_transforms.ts";
import {
  cropImage,
  type Image,
  type InferenceSample,
  type Pixels,
  prepareForInference,
  rgbImage,
} from "../data/mod.ts";
import type { TransformSpec } from "../data/mod.ts";
import { type Detections, type Dino, postprocess, postprocessOptions } from "../model/mod.ts";
import { mergeViews, type View } from "./merge.ts";
import { type Tile, tilesOf } from "./tiles.ts";

/**
 * How an image is prepared and its detections are chosen.
 *
 * @category Detection
 */
export interface DetectImageOptions {
  /** The model's configuration, as `loadModel` gives it. */
  readonly config: DinoConfig;
  /** How the image is prepared. Default: `transformsOf(config, false)`. */
  readonly transforms?: TransformSpec;
  /** Cut the image into tiles, each of which is prepared and detected in as an image of its own. Default: it stays whole. */
  readonly tile?: TileOptions | null;
  /**
   * The most images, or tiles of one image, that go through the model together. Only those of one size do, once they are
   * prepared, for padding would change numbers: the detections are those of one by one, bit for bit. Default 1.
   */
  readonly batchSize?: number;
}

/**
 * Finds objects in an image that is in memory: RGB, or RGBA as a canvas has it, whose alpha is left out. The model is in
 * evaluation mode. Calls at the same time, of any models on one device, wait for their turn and need the memory of one.
 * @returns all `num_select` detections, best first, in pixels of the given image; with tiles, those of each tile, merged
 * @throws {DinogradError} of kind "nonfinite" where the model's outputs are no numbers
 * @throws {ShapeError} where there is another number of bytes than of three or four for each pixel
 * @category Detection
 */
export async function detectImage(model: Dino, image: Pixels, options: DetectImageOptions): Promise<Detections> {
  const [found] = await detectImages(model, [image], options);
  return found;
}

/**
 * The same of several images, in their order.
 * @throws {DinogradError} as `detectImage`, whichever image it is about; of kind "usage" for an impossible `batchSize`
 * @category Detection
 */
export async function detectImages(
  model: Dino,
  images: readonly Pixels[],
  options: DetectImageOptions,
): Promise<Detections[]> {
  const { tile, batchSize = 1 } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new DinogradError("usage", `batchSize: expected an integer of at least 1 but found ${batchSize}`);
  }
  const rgb = images.map((image) => rgbImage("detectImage", image));
  return await inTurn(model.device, async () => {
    if (!tile) return await inBatches(model, rgb, options);
    const found: Detections[] = [];
    for (const image of rgb) found.push(await detectTiles(model, image, { ...options, tile }));
    return found;
  });
}

async function detectTiles(
  model: Dino,
  image: Image,
  { tile, ...options }: DetectImageOptions & { readonly tile: TileOptions },
): Promise<Detections> {
  const { width, height } = image;
  const tiles = tilesOf(image, tile);
  const views: View[] = [];
  // A batch of tiles at a time: all together they are as large as the image, or larger.
  const step = options.batchSize ?? 1;
  for (let first = 0; first < tiles.length; first += step) {
    const some = tiles.slice(first, first + step);
    const found = await inBatches(model, some.map((one) => cut(image, one)), options);
    some.forEach((one, at) => {
      const area = [one.left, one.top, one.right, one.bottom] as const;
      views.push({ area, isTile: true, found: moved(found[at], one) });
    });
  }
  if (tile.whole && tiles.length > 1) {
    const [found] = await inBatches(model, [image], options);
    views.push({ area: [0, 0, width, height], isTile: false, found });
  }
  return mergeViews(views, { width, height, merge: tile.merge, iou: tile.iou });
}

/** Images that are of one size when they are prepared go together. */
async function inBatches(
  model: Dino,
  images: readonly Image[],
  { config, transforms = transformsOf(config, false), batchSize = 1 }: Omit<DetectImageOptions, "tile">,
): Promise<Detections[]> {
  const found: Detections[] = new Array(images.length);
  const waiting = new Map<string, { readonly at: number; readonly sample: InferenceSample }[]>();
  const run = async (key: string) => {
    const batch = waiting.get(key) ?? [];
    waiting.delete(key);
    const results = await detectBatch(model, batch.map(({ sample }) => sample), config);
    batch.forEach(({ at }, i) => found[at] = results[i]);
  };
  for (const [at, image] of images.entries()) {
    const sample = prepareForInference(image, transforms);
    const key = sample.shape.join();
    const batch = waiting.get(key) ?? [];
    waiting.set(key, [...batch, { at, sample }]);
    if (batch.length + 1 === batchSize) await run(key);
  }
  for (const key of [...waiting.keys()]) await run(key);
  return found;
}

async function detectBatch(
  model: Dino,
  samples: readonly InferenceSample[],
  config: DinoConfig,
): Promise<Detections[]> {
  return await scoped(async () => {
    const [{ shape: [channels, height, width] }] = samples;
    const images = tensor(model.device, joined(samples), [samples.length, channels, height, width]);
    const mask = new Uint8Array(samples.length * height * width);
    const outputs = withoutGradient(() => model.forward({ images, mask, auxiliary: false }));
    return await postprocess(outputs, samples.map(({ originalSize }) => originalSize), postprocessOptions(config));
  });
}

function joined(samples: readonly InferenceSample[]): Float32Array<ArrayBuffer> {
  const [{ pixels }] = samples;
  if (samples.length === 1) return pixels;
  const all = new Float32Array(samples.length * pixels.length);
  samples.forEach((sample, at) => all.set(sample.pixels, at * pixels.length));
  return all;
}

function cut(image: Image, { left, top, right, bottom }: Tile): Image {
  const isWhole = right - left === image.width && bottom - top === image.height;
  return isWhole ? image : cropImage(image, { x: left, y: top, width: right - left, height: bottom - top });
}

function moved(found: Detections, { left, top }: Tile): Detections {
  return { ...found, boxes: found.boxes.map((end, at) => end + (at % 2 === 0 ? left : top)) };
}
