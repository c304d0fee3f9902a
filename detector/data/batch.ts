/**
 * One image made ready for the model, and several put together: padded with zeros at the right and bottom to the largest
 * height and the largest width among them, with a mask that tells padding from pixels (as `nested_tensor_from_tensor_list`
 * of the official code).
 */
import { DinogradError } from "../../engine/errors.ts";
import { RandomStream } from "../../engine/random.ts";
import { pixelTarget } from "./coco.ts";
import type { ImageEntry } from "./dataset.ts";
import type { BadImage } from "./image_files.ts";
import type { Image } from "./images/image.ts";
import { readEntry } from "./read_entry.ts";
import { normalizeImage } from "./normalize.ts";
import { composeSample } from "./augment/compose.ts";
import type { MixPlan } from "./augment/mix_plan.ts";
import { type AnnotatedImage, normalizeTarget, type Target } from "./target.ts";
import type { TransformSpec } from "./transform_spec.ts";
import { applyTransforms } from "./transforms.ts";

/**
 * One transformed image with its objects.
 *
 * @category Batches
 */
export interface Sample {
  /** `[3, height, width]`, normalised. */
  readonly pixels: Float32Array<ArrayBuffer>;
  /** The objects, in fractions of the image. */
  readonly target: Target;
}

/**
 * Several samples in one array, padded to one size.
 *
 * @category Batches
 */
export interface Batch {
  /** `[N, 3, H, W]`, normalised, zero where padded. */
  readonly images: Float32Array;
  /** `[N, H, W]`, 1 = padding. */
  readonly mask: Uint8Array;
  /** Of `images`: the largest height and the largest width among them. */
  readonly shape: readonly [batch: number, channels: 3, height: number, width: number];
  /** The objects of each image, in the order of the images. */
  readonly targets: readonly Target[];
  /** The cursor after this batch, in global samples of its epoch: where to resume from. */
  readonly nextSample: number;
  /** Images of this batch that could not be loaded and were left out, where that is allowed; absent where none was. */
  readonly skipped?: readonly BadImage[];
}

/** Everything that decides how a sample comes out; plain data. */
export interface SampleRequest {
  readonly entry: ImageEntry;
  readonly transforms: TransformSpec;
  /** As in `DecodeOptions`. */
  readonly maxPixels?: number;
  /** Seed, epoch, index in the data set and repeat name the random stream of the augmentations. */
  readonly seed: number;
  readonly epoch: number;
  readonly index: number;
  /** How often the image came before in this epoch. Default 0. */
  readonly repeat?: number;
  /** What other images do to it. Default: nothing. */
  readonly mix?: MixPlan<ImageEntry>;
  /** Do without partners where one of them cannot be read, instead of failing: its own turn tells of it. Default false. */
  readonly skipBadPartners?: boolean;
}

/** The name of a random stream of a sample. A first turn is named as it was before images were repeated. */
export function streamName(
  use: string,
  { epoch, index, repeat = 0 }: Pick<SampleRequest, "epoch" | "index" | "repeat">,
) {
  return `${use}/${epoch}/${index}${repeat === 0 ? "" : `/${repeat}`}`;
}

/** Reads, decodes, augments and normalises one image. The result depends on the request and the file alone. */
export async function loadSample(request: SampleRequest): Promise<Sample> {
  const { entry, transforms, seed } = request;
  const image = await readFor(request, entry);
  const sample = await mixed({ image, target: pixelTarget(entry, image) }, request);
  const random = RandomStream.named(seed, streamName("augment", request));
  const changed = named(entry.path, () => applyTransforms(sample, transforms, random));
  return normalizeSample(changed, transforms);
}

/**
 * An image that was transformed, as models take it: pixels less their mean, by their deviation, and boxes as fractions of it.
 *
 * @category Batches
 */
export function normalizeSample({ image, target }: AnnotatedImage, transforms: TransformSpec): Sample {
  return { pixels: normalizeImage(image, transforms), target: normalizeTarget(target) };
}

/**
 * An image and its objects before any transformation, with boxes cut to the image; crowds and boxes without area are left
 * out.
 *
 * @category Batches
 */
export function annotatedImage(
  image: Image,
  { imageId, objects }: Pick<ImageEntry, "imageId" | "objects">,
): AnnotatedImage {
  return { image, target: pixelTarget({ imageId, objects: objects.filter(({ iscrowd }) => iscrowd === 0) }, image) };
}

function readFor({ transforms, maxPixels }: SampleRequest, entry: ImageEntry): Promise<Image> {
  return readEntry(entry, { exifOrientation: transforms.exifOrientation, maxPixels });
}

async function mixed(sample: AnnotatedImage, request: SampleRequest): Promise<AnnotatedImage> {
  const { mix, transforms: { mixes }, seed } = request;
  if (!mix || !mixes || Object.keys(mix).length === 0) return sample;
  try {
    return await composeSample(sample, mix, {
      read: (entry) => readFor(request, entry),
      annotate: (entry, image) => ({ image, target: pixelTarget(entry, image) }),
      minVisible: mixes.minVisible,
      random: RandomStream.named(seed, streamName("compose", request)),
    });
  } catch (error) {
    const isBadImage = error instanceof DinogradError && error.kind === "data";
    if (!isBadImage || !request.skipBadPartners) throw error;
    return sample;
  }
}

/** What `change` gives; its refusal names the image. */
function named<T>(path: string, change: () => T): T {
  try {
    return change();
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    throw new DinogradError(error.kind, `image ${path}: ${error.message}`, { cause: error, code: error.code });
  }
}

/**
 * Puts samples into one batch, which is empty where there are none: the larger height and width, padded at the right and
 * bottom. `nextSample` (default 0) and `skipped` are passed through.
 *
 * @category Batches
 */
export function collate(
  samples: readonly Sample[],
  { nextSample = 0, skipped = [] }: { readonly nextSample?: number; readonly skipped?: readonly BadImage[] } = {},
): Batch {
  const height = Math.max(0, ...samples.map(({ target }) => target.size[0]));
  const width = Math.max(0, ...samples.map(({ target }) => target.size[1]));
  const plane = height * width;
  const images = new Float32Array(samples.length * 3 * plane);
  const mask = new Uint8Array(samples.length * plane).fill(1);
  samples.forEach(({ pixels, target: { size: [rows, columns] } }, at) => {
    for (let y = 0; y < rows; y++) {
      for (let channel = 0; channel < 3; channel++) {
        const from = (channel * rows + y) * columns;
        images.set(pixels.subarray(from, from + columns), (at * 3 + channel) * plane + y * width);
      }
      mask.fill(0, at * plane + y * width, at * plane + y * width + columns);
    }
  });
  return {
    images,
    mask,
    shape: [samples.length, 3, height, width],
    targets: samples.map(({ target }) => target),
    nextSample,
    ...(skipped.length > 0 ? { skipped } : {}),
  };
}

/** An image as the model sees it and as it was. */
export interface InferenceSample {
  /** The decoded file, before any transformation. */
  readonly image: Image;
  /** `[3, H, W]`, normalised, with its shape. */
  readonly pixels: Float32Array<ArrayBuffer>;
  readonly shape: readonly [channels: 3, height: number, width: number];
  /** Height and width of the file's image, to which boxes are scaled back. */
  readonly originalSize: readonly [number, number];
}

/** Prepares an image for detection by a specification without random steps. */
export function prepareForInference(image: Image, transforms: TransformSpec): InferenceSample {
  const target = pixelTarget({ imageId: 0, objects: [] }, image);
  const changed = applyTransforms({ image, target }, transforms, RandomStream.named(0, "inference"));
  const [height, width] = changed.target.size;
  return {
    image,
    pixels: normalizeImage(changed.image, transforms),
    shape: [3, height, width],
    originalSize: [image.height, image.width],
  };
}
