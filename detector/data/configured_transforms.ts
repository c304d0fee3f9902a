/** The configured augmentation as a transform specification. */

import type { DataConfig } from "../config/mod.ts";
import { cardsTransforms, cocoTransforms, type TransformSpec, type TransformStep } from "./mod.ts";

/** How images are prepared for training, or (`training` false) for evaluation and detection. */
export function transformsOf(config: DataConfig, training: boolean): TransformSpec {
  const { steps } = config.augmentation === "cards"
    ? cardsTransforms(training, { size: Math.max(...config.data_aug_scales) })
    : officialTransforms(config, training);
  const { image_mean: mean, image_std: std, image_channels: channels, exif_orientation: exifOrientation } = config;
  return { steps: steps.map((step) => resizedAs(step, config)), mean, std, channels, exifOrientation };
}

function officialTransforms(config: DataConfig, training: boolean): TransformSpec {
  const [smallest, largest] = config.data_aug_scales2_crop;
  return cocoTransforms(training, {
    scales: config.data_aug_scales,
    maxSize: config.data_aug_max_size,
    cropScales: config.data_aug_scales2_resize,
    cropSizes: [smallest, largest],
    scaleFactor: config.data_aug_scale_overlap,
    fixSize: config.fix_size,
    strongAugmentation: config.strong_aug,
  });
}

/** The step, with the configured arithmetic of sizes and the configured filter wherever it resizes. */
function resizedAs(step: TransformStep, config: DataConfig): TransformStep {
  const { resize_rule: rule, resize_filter: filter } = config;
  const inner = (steps: readonly TransformStep[]) => steps.map((one) => resizedAs(one, config));
  switch (step.kind) {
    case "resize":
      return { ...step, rule, filter };
    case "squareCrop":
      return { ...step, filter };
    case "select":
      return { ...step, first: inner(step.first), second: inner(step.second) };
    case "oneOf":
      return { ...step, steps: inner(step.steps) };
    default:
      return step;
  }
}
