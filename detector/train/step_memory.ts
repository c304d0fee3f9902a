/**
 * How much memory a step takes, found by doing one on a device that computes nothing and counts: for `--dry_run`, for the
 * table of presets, and for the batch size that fits.
 */

import { forgetConstants } from "../../engine/constants.ts";
import type { DataConfig, DinoConfig } from "../config/mod.ts";
import { transformsOf } from "../data/configured_transforms.ts";
import { type Batch, type Dataset, resizedSize, type Target, type TransformStep } from "../data/mod.ts";
import { sizesAfter } from "../data/size_range.ts";
import { withoutAliases } from "./records/bundle_state.ts";
import type { TrainingSession } from "./session.ts";

/** A step's images, all of one size. */
export interface StepSize extends ImageSize {
  readonly batch: number;
  /** In every image. */
  readonly objects: number;
}

/** Measures steps of a session on a device that only counts; the session's numbers mean nothing. */
export class StepMemory {
  readonly #session: TrainingSession;
  #hasMoments = false;

  constructor(session: TrainingSession) {
    this.#session = session;
  }

  /** Bytes at the peak of a step like every one but the first, in which the moments are made. */
  async peak(size: StepSize): Promise<number> {
    const { device, progress } = this.#session;
    if (!this.#hasMoments) await this.#session.step(emptyBatch({ ...size, batch: 1 }));
    this.#hasMoments = true;
    forgetConstants(device); // those of other sizes
    device.resetPeak();
    await this.#session.step(emptyBatch(size));
    this.#session.progress = progress;
    return device.memory.peak;
  }
}

/** Bytes of what a session keeps from step to step. `trained`: of the parameters that are trained. */
export function stateBytes({ model, ema, groups, optimizer }: TrainingSession) {
  const bytes = (tensors: Iterable<{ readonly size: number }>) => [...tensors].reduce((sum, t) => sum + 4 * t.size, 0);
  const trained = bytes(groups.flatMap(({ parameters }) => parameters.map(([, parameter]) => parameter)));
  const weights = bytes(withoutAliases(model.stateDict()).tensors.values());
  return { weights, trained, moments: optimizer.moments.length * trained, average: ema ? weights : 0 };
}

/** The most objects that a sample may have: as many as any image, from every image that may be mixed. */
export function mostObjects(train: Dataset, config: DataConfig): number {
  const most = Math.max(...Array.from({ length: train.length }, (_, i) => train.entry(i).objects.length));
  // An image may be its own partner.
  const images = (config.aug_mosaic > 0 ? 4 : 1) + Number(config.aug_copy_paste > 0) + Number(config.aug_mixup > 0);
  return images * most;
}

/** Pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * The largest images that augmentation allows (crops, whose sides are drawn, left out): one size for all, and, where that
 * is more, the padded size of the tallest and the widest together.
 */
export function largestImages(config: DinoConfig): ImageSize[] {
  const resizes = transformsOf(config, true).steps.flatMap(resizesOf);
  const [short, long] = [Math.max(...config.data_aug_scales), config.data_aug_max_size];
  const longest = [{ width: long, height: short }, { width: short, height: long }];
  const resized = longest.flatMap((image) => resizes.map((resize) => resize(image)));
  const largest = resized.reduce((a, b) => a.width * a.height >= b.width * b.height ? a : b);
  const padded = resized.reduce((a, b) => ({
    width: Math.max(a.width, b.width),
    height: Math.max(a.height, b.height),
  }));
  const isLarger = padded.width > largest.width || padded.height > largest.height;
  return config.batch_size > 1 && isLarger ? [largest, padded] : [largest];
}

/** The size to which a batch of the data's largest images is padded; the one that the configuration allows where unknown. */
export function largestBatchImage(dataset: Dataset, config: DinoConfig): ImageSize {
  const stated = Array.from({ length: dataset.length }, (_, index) => dataset.statedSize(index));
  const known = new Map(stated.flatMap((size) => size === null ? [] : [[`${size.width}x${size.height}`, size]]));
  const transforms = transformsOf(config, true);
  const sizes = stated.includes(null)
    ? largestImages(config)
    : [...known.values()].flatMap((size) => sizesAfter(size, transforms));
  return {
    width: Math.max(...sizes.map(({ width }) => width)),
    height: Math.max(...sizes.map(({ height }) => height)),
  };
}

/** What a step may make of an image's size: one function for each size that it may draw. */
function resizesOf(step: TransformStep): ((image: ImageSize) => ImageSize)[] {
  switch (step.kind) {
    case "resize":
      return step.sizes.map((_, choice) => (image) => resizedSize(image, step, choice));
    case "select":
      return [...step.first, ...step.second].flatMap(resizesOf);
    case "oneOf":
      return step.steps.flatMap(resizesOf);
    default:
      return [];
  }
}

/** A batch of nothing, with as many objects in every image as any image has. */
function emptyBatch({ batch, height, width, objects }: StepSize): Batch {
  const target = (imageId: number): Target => ({
    imageId,
    boxes: new Float32Array(4 * objects).fill(0.5),
    labels: new Int32Array(objects),
    area: new Float32Array(objects),
    iscrowd: new Uint8Array(objects),
    originalSize: [height, width],
    size: [height, width],
  });
  return {
    images: new Float32Array(batch * 3 * height * width),
    mask: new Uint8Array(batch * height * width),
    shape: [batch, 3, height, width],
    targets: Array.from({ length: batch }, (_, i) => target(i)),
    nextSample: batch,
  };
}
