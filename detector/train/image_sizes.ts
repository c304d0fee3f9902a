/** What augmentation makes of the sizes of images, for what is to be known before any is read. */

import { sizeWithAspectRatio, type TransformStep } from "../data/mod.ts";

/** In pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** What a step may make of an image's size: one function for each size that it may draw. */
export function resizesOf(step: TransformStep): ((image: ImageSize) => ImageSize)[] {
  switch (step.kind) {
    case "resize":
      return step.sizes.map((size) => (image) =>
        typeof size === "number"
          ? sizeWithAspectRatio(image, { size, maxSize: step.maxSize })
          : { width: size[0], height: size[1] }
      );
    case "select":
      return [...step.first, ...step.second].flatMap(resizesOf);
    case "oneOf":
      return step.steps.flatMap(resizesOf);
    default:
      return [];
  }
}
