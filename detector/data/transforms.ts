/**
 * Carries out a `TransformSpec` on an image and its annotations. The operations, their order and the arithmetic of sizes
 * are the official code's (datasets/transforms.py, datasets/sltransform.py); the random numbers come from the stream
 * that the caller gives, so the outcome depends on that stream alone.
 */
import type { RandomStream } from "../../engine/random.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { ResizeFilter } from "../config/dino_config.ts";
import { DEFAULT_MAX_IMAGE_PIXELS } from "../config/pixel_limit.ts";
import { cutTarget, flipTargetVertically, rotateTarget, turnTarget } from "./augment/boxes.ts";
import { flipVertically, rotateImage, turnImage } from "./augment/pixels.ts";
import { jitterScale } from "./augment/scale_jitter.ts";
import { adjustBrightness, adjustContrast, changeColour, jitterColour, permuteChannels } from "./images/colour.ts";
import { cropImage, flipImage, type Rectangle, resizeBilinear } from "./images/resize.ts";
import { resizeOpenCv } from "./images/resize_opencv.ts";
import { type ChosenCrop, overlapCropRectangle, squareCropRectangle } from "./random_crops.ts";
import { type AnnotatedImage, cropTarget, filterTarget, flipTarget, resizeTarget } from "./target.ts";
import { resizedSize } from "./resized_size.ts";
import type { TransformSpec, TransformStep } from "./transform_spec.ts";

/**
 * Applies all steps in order (not the normalisation, which `normalizeSample` does).
 * @throws {DinogradError} of kind "data" where a strip would become larger than any image that is read
 * @category Batches
 */
export function applyTransforms(sample: AnnotatedImage, spec: TransformSpec, random: RandomStream): AnnotatedImage {
  return spec.steps.reduce((current, step) => applyStep(current, step, random), sample);
}

function applyStep(sample: AnnotatedImage, step: TransformStep, random: RandomStream): AnnotatedImage {
  const { image } = sample;
  switch (step.kind) {
    case "horizontalFlip":
      return random.uniform() < step.probability ? flip(sample) : sample;
    case "resize": {
      const to = resizedSize(image, step, random.int(step.sizes.length));
      return resize(sample, { to, filter: step.filter });
    }
    case "sizeCrop": {
      const width = drawSide(step, image.width, random), height = drawSide(step, image.height, random);
      const y = random.int(image.height - height + 1), x = random.int(image.width - width + 1);
      return crop(sample, { x, y, width, height });
    }
    case "select": {
      const steps = random.uniform() < step.probability ? step.first : step.second;
      return steps.reduce((current, inner) => applyStep(current, inner, random), sample);
    }
    case "oneOf":
      return applyStep(sample, step.steps[random.int(step.steps.length)], random);
    case "overlapCrop": {
      const found = overlapCropRectangle(sample, random);
      return found === undefined ? sample : cropKeeping(sample, found);
    }
    case "channelShuffle":
      return { ...sample, image: permuteChannels(image, CHANNEL_ORDERS[random.int(CHANNEL_ORDERS.length)]) };
    case "brightness":
      return { ...sample, image: adjustBrightness(image, (random.uniform() + 1) / 2 * step.factor) };
    case "contrast":
      return { ...sample, image: adjustContrast(image, (random.uniform() + 1) / 2 * step.factor) };
    case "squareCrop": {
      const found = squareCropRectangle(sample, { ...step, random });
      if (found === undefined) return sample;
      const side = Math.min(image.width, image.height);
      return resize(cropKeeping(sample, found), { to: { width: side, height: side }, filter: step.filter });
    }
    case "colourJitter": {
      const around = (centre: number, spread: number) => centre + (random.uniform() * 2 - 1) * spread;
      const contrast = around(1, step.contrast), brightness = around(0, step.brightness);
      const gains = [around(1, step.gain), around(1, step.gain), around(1, step.gain)];
      return { ...sample, image: jitterColour(image, { contrast, brightness, gains }) };
    }
    case "verticalFlip":
      return random.uniform() < step.probability
        ? { image: flipVertically(image), target: flipTargetVertically(sample.target) }
        : sample;
    case "quarterTurn": {
      if (random.uniform() >= step.probability) return sample;
      const quarters = 1 + random.int(3);
      return { image: turnImage(image, quarters), target: turnTarget(sample.target, quarters) };
    }
    case "rotate": {
      const radians = (random.uniform() * 2 - 1) * step.degrees * Math.PI / 180;
      const target = rotateTarget(sample.target, radians);
      return { image: rotateImage(image, radians), target: cutTarget(target, { x: 0, y: 0, ...image }, step) };
    }
    case "scaleJitter":
      return jitterScale(sample, { ...step, random });
    case "colourChange": {
      const around = (spread: number) => 1 + (random.uniform() * 2 - 1) * spread;
      const brightness = around(step.brightness), contrast = around(step.contrast);
      const saturation = around(step.saturation), hue = (random.uniform() * 2 - 1) * step.hue;
      return { ...sample, image: changeColour(image, { brightness, contrast, saturation, hue }) };
    }
  }
}

const CHANNEL_ORDERS = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

function flip({ image, target }: AnnotatedImage): AnnotatedImage {
  return { image: flipImage(image), target: flipTarget(target, image.width) };
}

/** A strip of 1 x 60000 pixels, its short side brought to 600, would have 21 billion. */
function resize(
  { image, target }: AnnotatedImage,
  { to, filter = "pillow" }: { readonly to: { width: number; height: number }; readonly filter?: ResizeFilter },
): AnnotatedImage {
  if (to.width * to.height > DEFAULT_MAX_IMAGE_PIXELS) {
    throw new DinogradError(
      "data",
      `expected at most ${DEFAULT_MAX_IMAGE_PIXELS} pixels after resizing but ${image.width} x ${image.height} would ` +
        `become ${to.width} x ${to.height}: such a strip has no use in training`,
    );
  }
  const resized = filter === "opencv" ? resizeOpenCv(image, to) : resizeBilinear(image, to);
  return { image: resized, target: resizeTarget(target, { from: image, to }) };
}

function crop({ image, target }: AnnotatedImage, rectangle: Rectangle): AnnotatedImage {
  return { image: cropImage(image, rectangle), target: cropTarget(target, rectangle) };
}

function cropKeeping({ image, target }: AnnotatedImage, { rectangle, keeps }: ChosenCrop): AnnotatedImage {
  return crop({ image, target: filterTarget(target, (index) => keeps.has(index)) }, rectangle);
}

/** A side of a random crop. An image smaller than the smallest crop (where the official code fails) stays whole. */
function drawSide(
  { minSize, maxSize }: { minSize: number; maxSize: number },
  side: number,
  random: RandomStream,
): number {
  const largest = Math.min(side, maxSize);
  return minSize >= largest ? largest : minSize + random.int(largest - minSize + 1);
}
