/** The configured augmentation as a transform specification. */

import type { DataConfig } from "../config/mod.ts";
import { cardsTransforms, cocoTransforms, type TransformSpec } from "./mod.ts";

/** How images are prepared for training, or (`training` false) for evaluation and detection. */
export function transformsOf(config: DataConfig, training: boolean): TransformSpec {
  const exifOrientation = config.exif_orientation;
  if (config.augmentation === "cards") {
    const size = Math.max(...config.data_aug_scales);
    return { ...cardsTransforms(training, { size }), exifOrientation };
  }
  const [smallest, largest] = config.data_aug_scales2_crop;
  return cocoTransforms(training, {
    scales: config.data_aug_scales,
    maxSize: config.data_aug_max_size,
    cropScales: config.data_aug_scales2_resize,
    cropSizes: [smallest, largest],
    scaleFactor: config.data_aug_scale_overlap,
    fixSize: config.fix_size,
    strongAugmentation: config.strong_aug,
    exifOrientation,
  });
}
