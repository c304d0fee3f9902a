/**
 * Transformations written down as plain data, so that a specification travels to workers, into a config file and into a
 * checkpoint, and the recipes of the official code (`make_coco_transforms`) and of the cards preset.
 */
import type { ChannelOrder, ResizeFilter, ResizeRule } from "../config/dino_config.ts";
import type { MixSpec } from "./augment/mix_plan.ts";
import { IMAGENET_NORMALIZATION } from "./normalize.ts";

/**
 * One step. Sizes are pixels, probabilities 0..1, random ranges uniform.
 *
 * @category Augmentation
 */
export type TransformStep =
  /** Mirrors left and right. */
  | { readonly kind: "horizontalFlip"; readonly probability: number }
  /**
   * Resizes the short side to one of `sizes` (drawn), keeping the aspect ratio and the long side within `maxSize`; an
   * entry `[width, height]` sets both sides whatever the aspect ratio.
   */
  | {
    readonly kind: "resize";
    readonly sizes: readonly (number | readonly [number, number])[];
    readonly maxSize?: number | null;
    /** Default `official`. */
    readonly rule?: ResizeRule;
    /** Default `pillow`. */
    readonly filter?: ResizeFilter;
  }
  /** Crops a rectangle whose sides are drawn from `minSize` to the smaller of `maxSize` and the image's side. */
  | { readonly kind: "sizeCrop"; readonly minSize: number; readonly maxSize: number }
  /** Does `first` with the given probability, else `second`. */
  | {
    readonly kind: "select";
    readonly probability: number;
    readonly first: readonly TransformStep[];
    readonly second: readonly TransformStep[];
  }
  /** Does one of the steps, all equally likely. */
  | { readonly kind: "oneOf"; readonly steps: readonly TransformStep[] }
  /** Crops so that some box overlaps the crop by a drawn ratio (IoU); keeps boxes whose centre is inside. */
  | { readonly kind: "overlapCrop" }
  /** Permutes the colour channels. */
  | { readonly kind: "channelShuffle" }
  /** Scales brightness (towards black) by `factor` times a number drawn from 0.5..1. */
  | { readonly kind: "brightness"; readonly factor: number }
  /** Scales contrast (around the mean gray) by `factor` times a number drawn from 0.5..1. */
  | { readonly kind: "contrast"; readonly factor: number }
  /**
   * With the given probability, crops a square of `minScale`..1 times the short side and resizes it to the image's
   * short side. Skipped if any box would keep more than `keepBelow` and less than `keepAbove` of its area, because half
   * an object teaches nothing but confusion.
   */
  | {
    readonly kind: "squareCrop";
    readonly probability: number;
    readonly minScale: number;
    readonly keepBelow: number;
    readonly keepAbove: number;
    /** Default `pillow`. */
    readonly filter?: ResizeFilter;
  }
  /** Contrast around mid-gray by ±`contrast`, brightness by ±`brightness` levels, each channel's gain by ±`gain`. */
  | {
    readonly kind: "colourJitter";
    readonly contrast: number;
    readonly brightness: number;
    readonly gain: number;
  }
  /** Mirrors top and bottom. */
  | { readonly kind: "verticalFlip"; readonly probability: number }
  /** With the given probability, turns by one, two or three right angles. */
  | { readonly kind: "quarterTurn"; readonly probability: number }
  /** Rotates by up to `degrees` to either side, in a frame of the same size; see `rotateTarget` for boxes. */
  | { readonly kind: "rotate"; readonly degrees: number; readonly minVisible: number }
  /**
   * Scales by a factor drawn from `smallest` to `largest`, in a frame of the same shape: below 1 the image is reduced and
   * put at a drawn place of a frame of its own size, above 1 a drawn part of it is all that is left.
   */
  | {
    readonly kind: "scaleJitter";
    readonly smallest: number;
    readonly largest: number;
    readonly minVisible: number;
  }
  /** Factors on brightness, contrast and saturation drawn from 1 ± each, and ± `hue` turns of the colour circle. */
  | {
    readonly kind: "colourChange";
    readonly brightness: number;
    readonly contrast: number;
    readonly saturation: number;
    readonly hue: number;
  };

/**
 * A whole recipe: steps in order, then normalisation. JSON data throughout.
 *
 * @category Augmentation
 */
export interface TransformSpec {
  /** What is done to image and boxes, in this order. */
  readonly steps: readonly TransformStep[];
  /** Per channel, subtracted from values of 0..1. */
  readonly mean: readonly number[];
  /** Per channel, divides what is left. */
  readonly std: readonly number[];
  /** In which order the model is given the channels; `mean` and `std` are in the same. Default `rgb`. */
  readonly channels?: ChannelOrder;
  /** Turn images upright by their Exif orientation before everything else. Default false, as in the official code. */
  readonly exifOrientation?: boolean;
  /** What other images do to this one, before all steps. Default: nothing. */
  readonly mixes?: MixSpec;
}

/** The official code's data settings; the names in comments are its config keys. */
interface CocoTransformOptions {
  /** Short sides to draw from (`data_aug_scales`). */
  readonly scales?: readonly number[];
  /** Limit of the long side (`data_aug_max_size`). */
  readonly maxSize?: number;
  /** Short sides before a crop (`data_aug_scales2_resize`). */
  readonly cropScales?: readonly number[];
  /** Smallest and largest side of a crop (`data_aug_scales2_crop`). */
  readonly cropSizes?: readonly [number, number];
  /** Factor on all of the above, truncated to whole pixels (`data_aug_scale_overlap`). */
  readonly scaleFactor?: number | null;
  /** Resize every training image to `maxSize` x the largest scale, without crops (`fix_size`). */
  readonly fixSize?: boolean;
  /** Add one of a crop, channel shuffle, brightness or contrast change (`strong_aug`). */
  readonly strongAugmentation?: boolean;
  /** Probability of mirroring left and right. Default 0.5, as in the official code. */
  readonly flip?: number;
  readonly exifOrientation?: boolean;
}

/** The official augmentations for training, or, with `training: false`, the resize used for evaluation and detection. */
export function cocoTransforms(training: boolean, options: CocoTransformOptions = {}): TransformSpec {
  const factor = options.scaleFactor ?? 0;
  const scaled = (size: number) => factor > 0 ? Math.trunc(size * factor) : size;
  const scales = (options.scales ?? [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800]).map(scaled);
  const maxSize = scaled(options.maxSize ?? 1333);
  const cropScales = (options.cropScales ?? [400, 500, 600]).map(scaled);
  const [minSize, largest] = (options.cropSizes ?? [384, 600]).map(scaled);
  const largestScale = Math.max(...scales);
  const rest = { ...IMAGENET_NORMALIZATION, exifOrientation: options.exifOrientation ?? false };

  if (!training) return { steps: [{ kind: "resize", sizes: [largestScale], maxSize }], ...rest };
  const flip = horizontalFlip(options.flip ?? 0.5);
  if (options.fixSize) return { steps: [...flip, { kind: "resize", sizes: [[maxSize, largestScale]] }], ...rest };
  const resize: TransformStep = { kind: "resize", sizes: scales, maxSize };
  const cropped: TransformStep[] = [
    { kind: "resize", sizes: cropScales },
    { kind: "sizeCrop", minSize, maxSize: largest },
    resize,
  ];
  const steps: TransformStep[] = [...flip, { kind: "select", probability: 0.5, first: [resize], second: cropped }];
  if (options.strongAugmentation) {
    steps.push({
      kind: "oneOf",
      steps: [
        { kind: "overlapCrop" },
        { kind: "channelShuffle" },
        { kind: "brightness", factor: 2 },
        { kind: "contrast", factor: 2 },
      ],
    });
  }
  return { steps, ...rest };
}

/** Mirrors with a probability; no step, which would draw a number, where it is 0. */
function horizontalFlip(probability: number): TransformStep[] {
  return probability > 0 ? [{ kind: "horizontalFlip", probability }] : [];
}

/**
 * The augmentations of the cards preset: unless asked for no flip, because letters and digits must not be mirrored. `size`
 * is the short side in pixels that images are brought to.
 */
export function cardsTransforms(
  training: boolean,
  { size = 160, flip = 0 }: { size?: number; flip?: number } = {},
): TransformSpec {
  const resize: TransformStep = { kind: "resize", sizes: [size], maxSize: size * 2 };
  if (!training) return { steps: [resize], ...IMAGENET_NORMALIZATION };
  return {
    steps: [
      ...horizontalFlip(flip),
      resize,
      { kind: "squareCrop", probability: 0.7, minScale: 0.75, keepBelow: 0.02, keepAbove: 0.75 },
      { kind: "colourJitter", contrast: 0.2, brightness: 26, gain: 0.1 },
    ],
    ...IMAGENET_NORMALIZATION,
  };
}
