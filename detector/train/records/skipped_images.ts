/**
 * Which images a run has left out because they cannot be read, and how often (`--skip_bad_images`). Part of a bundle's
 * state, and a function of the run's progress like the rest of it: an image counts when the batch that it was left out
 * of has been trained on or passed over, or when its evaluation is complete.
 */

import type { StateValue } from "../../../checkpoint/mod.ts";
import type { BadImage } from "../../data/mod.ts";
import type { StateReader } from "./bundle_state.ts";

type Times = ReadonlyMap<number, number>;

/** Images left out so far. A record is never changed; its methods give the next one. */
export class SkippedImages {
  static readonly NONE: SkippedImages = new SkippedImages(new Map(), new Map(), { images: 0, batches: 0 });

  private constructor(
    /** How often each training image was left out, by its id. */
    readonly train: Times,
    /** How often each validation image was left out of a complete evaluation, by its id. */
    readonly val: Times,
    /** Of the epoch that is trained: training images left out, and batches of which nothing was left. */
    readonly epoch: { readonly images: number; readonly batches: number },
  ) {}

  /** After a batch of training images. */
  afterBatch(skipped: readonly BadImage[], { isEmpty }: { readonly isEmpty: boolean }): SkippedImages {
    if (skipped.length === 0) return this;
    const images = this.epoch.images + skipped.length;
    const batches = this.epoch.batches + Number(isEmpty);
    return new SkippedImages(counting(this.train, skipped), this.val, { images, batches });
  }

  /** After an evaluation, which ends the epoch. */
  afterEvaluation(skipped: readonly BadImage[]): SkippedImages {
    if (this.epoch.images === 0 && skipped.length === 0) return this;
    return new SkippedImages(this.train, counting(this.val, skipped), SkippedImages.NONE.epoch);
  }

  /** The entries of a bundle's state: none as long as no image was left out. */
  toState(): { skipped?: StateValue } {
    if (this.train.size === 0 && this.val.size === 0) return {};
    const list = (times: Times): StateValue =>
      [...times].sort(([a], [b]) => a - b).map(([image_id, times]) => ({ image_id, times }));
    return { skipped: { train: list(this.train), val: list(this.val), epoch: { ...this.epoch } } };
  }

  /** @throws DinogradError of kind "checkpoint" for an entry that is no such record */
  static fromState(state: StateReader): SkippedImages {
    return state.get("skipped").optional((skipped) => {
      const times = (split: string): Times =>
        new Map(
          skipped.get(split).list().map((entry) => [entry.get("image_id").number(), entry.get("times").number()]),
        );
      const epoch = skipped.get("epoch");
      const counts = { images: epoch.get("images").number(), batches: epoch.get("batches").number() };
      return new SkippedImages(times("train"), times("val"), counts);
    }) ?? SkippedImages.NONE;
  }
}

function counting(before: Times, skipped: readonly BadImage[]): Times {
  const times = new Map(before);
  for (const { imageId } of skipped) times.set(imageId, (times.get(imageId) ?? 0) + 1);
  return times;
}
