/**
 * To which size an image is brought that is resized with its aspect ratio: the short side to so many pixels, unless that
 * makes the long side longer than its limit. Three programs agree on that and round differently.
 */
import { roundHalfToEven } from "./images/round.ts";
import type { ResizeRule } from "../config/dino_config.ts";
import type { TransformStep } from "./transform_spec.ts";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** What is wanted, in pixels. */
interface SizeLimits {
  /** Of the short side. */
  readonly size: number;
  /** The most that the long side may have; null or absent for no limit. */
  readonly maxSize?: number | null;
}

/** The size that a resize gives an image where it draws its `choice`-th size. */
export function resizedSize(from: Size, step: TransformStep & { readonly kind: "resize" }, choice: number): Size {
  const size = step.sizes[choice];
  if (typeof size !== "number") return { width: size[0], height: size[1] };
  return RULES[step.rule ?? "official"](from, { size, maxSize: step.maxSize });
}

const RULES: Readonly<Record<ResizeRule, (from: Size, limits: SizeLimits) => Size>> = {
  official: sizeWithAspectRatio,
  detectron2: sizeOfDetectron2,
  mmdetection: sizeOfMmdetection,
};

/** As the official code: Python's half-to-even rounding where the limit binds, truncation for the long side. */
export function sizeWithAspectRatio(from: Size, { size, maxSize = null }: SizeLimits): Size {
  const { width, height } = from;
  const shorter = Math.min(width, height), longer = Math.max(width, height);
  let short = size;
  if (maxSize !== null && longer / shorter * size > maxSize) {
    short = Math.max(1, roundHalfToEven(maxSize * shorter / longer)); // 0 for strips, on which the official code fails
  }
  if (shorter === short) return { width, height };
  if (width < height) return { width: short, height: Math.max(1, Math.trunc(short * height / width)) };
  return { width: Math.max(1, Math.trunc(short * width / height)), height: short };
}

/** As `ResizeShortestEdge` of detectron2: both sides scaled, then both again where the limit binds, then rounded. */
function sizeOfDetectron2({ width, height }: Size, { size, maxSize = null }: SizeLimits): Size {
  const scale = size / Math.min(width, height);
  const [wide, high] = height < width ? [scale * width, size] : [size, scale * height];
  const longer = Math.max(wide, high);
  const again = maxSize !== null && longer > maxSize ? maxSize / longer : 1;
  return { width: rounded(wide * again), height: rounded(high * again) };
}

/** As `Resize` of MMDetection with `keep_ratio`: one factor for both sides, by which the image fits, then rounded. */
function sizeOfMmdetection({ width, height }: Size, { size, maxSize = null }: SizeLimits): Size {
  // Its limits are a pair of which the larger one is for the long side.
  const [short, long] = maxSize === null ? [size, Infinity] : [Math.min(size, maxSize), Math.max(size, maxSize)];
  const scale = Math.min(long / Math.max(width, height), short / Math.min(width, height));
  return { width: rounded(width * scale), height: rounded(height * scale) };
}

/** To whole pixels, halves up; strips keep a pixel, where those programs fail. */
function rounded(side: number): number {
  return Math.max(1, Math.trunc(side + 0.5));
}
