/** The configured augmentation as a transform specification. */

import { CONFIG_KEYS, type DataConfig, type DinoConfig } from "../config/mod.ts";
import { canonicalJson, formatPython } from "../config/values.ts";
import { isMixing } from "./augment/mix_plan.ts";
import { cardsTransforms, cocoTransforms, type TransformSpec, type TransformStep } from "./mod.ts";

/**
 * How images are prepared for training, or (`training` false) for evaluation and detection.
 *
 * @category Augmentation
 */
export function transformsOf(config: DataConfig, training: boolean): TransformSpec {
  const recipe = recipeOf(config, training);
  const steps = training ? [...geometryOf(config), ...recipe, ...colourOf(config)] : recipe;
  const { image_mean: mean, image_std: std, image_channels: channels, exif_orientation: exifOrientation } = config;
  const prepared = { steps: steps.map((step) => resizedAs(step, config)), mean, std, channels, exifOrientation };
  const mixes = {
    mosaic: config.aug_mosaic,
    copyPaste: config.aug_copy_paste,
    mixup: config.aug_mixup,
    minVisible: config.aug_min_visible,
  };
  return training && isMixing(mixes) ? { ...prepared, mixes } : prepared;
}

/** What every sample goes through whatever is added to it. */
function recipeOf(config: DataConfig, training: boolean): readonly TransformStep[] {
  const flip = config.aug_hflip ?? undefined;
  if (config.augmentation === "cards") {
    return cardsTransforms(training, { size: Math.max(...config.data_aug_scales), flip }).steps;
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
    flip,
  }).steps;
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

/** Before the recipe, which brings every image to its size. */
function geometryOf(config: DataConfig): TransformStep[] {
  const { aug_vflip, aug_rot90, aug_rotate, aug_min_visible: minVisible } = config;
  const [smallest, largest] = config.aug_scale_jitter;
  const steps: TransformStep[] = [];
  if (aug_vflip > 0) steps.push({ kind: "verticalFlip", probability: aug_vflip });
  if (aug_rot90 > 0) steps.push({ kind: "quarterTurn", probability: aug_rot90 });
  if (aug_rotate > 0) steps.push({ kind: "rotate", degrees: aug_rotate, minVisible });
  if (smallest !== 1 || largest !== 1) steps.push({ kind: "scaleJitter", smallest, largest, minVisible });
  return steps;
}

/** After the recipe, on what is left of the image. */
function colourOf(config: DataConfig): TransformStep[] {
  const { aug_brightness: brightness, aug_contrast: contrast, aug_saturation: saturation, aug_hue: hue } = config;
  return brightness + contrast + saturation + hue > 0
    ? [{ kind: "colourChange", brightness, contrast, saturation, hue }]
    : [];
}

/** The epoch from which on nothing is mixed into images any more. */
export function mixUntil({ epochs, aug_mix_off }: Pick<DinoConfig, "epochs" | "aug_mix_off">): number {
  return epochs - aug_mix_off;
}

/** The augmentation in words: the recipe, and the keys that add to it. */
export function describeAugmentation(config: DataConfig): string {
  const keys = (Object.keys(CONFIG_KEYS) as (keyof typeof CONFIG_KEYS)[]).filter((key): key is keyof DataConfig =>
    key.startsWith("aug_")
  );
  const set = keys.filter((key) => canonicalJson(config[key]) !== canonicalJson(CONFIG_KEYS[key].default));
  return [`recipe ${config.augmentation}`, ...set.map((key) => `${key}=${formatPython(config[key])}`)].join(", ");
}
