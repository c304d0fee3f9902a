/**
 * Which sizes an image may come to by a recipe of random steps, without its pixels: for asking beforehand whether the model
 * can take it.
 */
import type { TransformSpec, TransformStep } from "./transform_spec.ts";
import { resizedSize } from "./resized_size.ts";

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Every size that the drawn choices lead to, where of a crop's sides, which are drawn from a range, the smallest and the
 * largest stand for all.
 */
export function sizesAfter(size: Size, { steps }: Pick<TransformSpec, "steps">): Size[] {
  return steps.reduce((sizes, step) => distinct(sizes.flatMap((one) => afterStep(one, step))), [size]);
}

function afterStep(size: Size, step: TransformStep): Size[] {
  switch (step.kind) {
    case "resize":
      return step.sizes.map((_, choice) => resizedSize(size, step, choice));
    case "sizeCrop": {
      const sides = (side: number) => [Math.min(side, step.minSize), Math.min(side, step.maxSize)];
      return sides(size.width).flatMap((width) => sides(size.height).map((height) => ({ width, height })));
    }
    case "select":
      return [...sizesAfter(size, { steps: step.first }), ...sizesAfter(size, { steps: step.second })];
    case "oneOf":
      return step.steps.flatMap((one) => afterStep(size, one));
    case "overlapCrop": {
      // At least 0.3 of each side, rounded in whatever way its corners are.
      const least = (side: number) => Math.max(1, Math.floor(0.3 * side));
      return [size, { width: least(size.width), height: least(size.height) }];
    }
    case "squareCrop": {
      const side = Math.min(size.width, size.height);
      return step.probability > 0 ? [size, { width: side, height: side }] : [size];
    }
    case "quarterTurn":
      return step.probability > 0 ? [size, { width: size.height, height: size.width }] : [size];
    case "scaleJitter": {
      const least = (side: number) => Math.max(1, Math.round(side / step.largest));
      return step.largest > 1 ? [size, { width: least(size.width), height: least(size.height) }] : [size];
    }
    case "horizontalFlip":
    case "verticalFlip":
    case "rotate":
    case "colourChange":
    case "channelShuffle":
    case "brightness":
    case "contrast":
    case "colourJitter":
      return [size];
  }
}

function distinct(sizes: readonly Size[]): Size[] {
  return [...new Map(sizes.map((size) => [`${size.width}x${size.height}`, size])).values()];
}
