/**
 * Which other images go into a sample. Drawn where the data set is known, by a stream that seed, epoch and position name, so
 * that a sample has the same partners whoever loads it, and after every resume.
 */
import type { RandomStream } from "../../../engine/random.ts";

/**
 * Augmentations that take more than one image. Probabilities, 0..1.
 *
 * @category Augmentation
 */
export interface MixSpec {
  /** Four images in one. */
  readonly mosaic: number;
  /** Objects of another image pasted in. */
  readonly copyPaste: number;
  /** Another image blended in. */
  readonly mixup: number;
  /** The share of an object that must be left for it to stay a target. */
  readonly minVisible: number;
}

/** What is mixed into a sample, as whatever names an image. */
export interface MixPlan<Image> {
  /** For the top right, bottom left and bottom right of a mosaic. */
  readonly mosaic?: readonly [Image, Image, Image];
  /** Whose objects are pasted. */
  readonly copyPaste?: Image;
  /** What is blended in. */
  readonly mixup?: Image;
}

/**
 * Draws the partners among the images of an epoch, an image that comes several times with that many chances. Always the
 * same number of draws: turning one augmentation off leaves the partners of the others as they were.
 */
export function drawMix(spec: MixSpec, { order, random }: {
  readonly order: Int32Array;
  readonly random: RandomStream;
}): MixPlan<number> {
  const happens = (probability: number) => random.uniform() < probability;
  const partner = () => order[Math.floor(random.uniform() * order.length)];
  const plans = [
    [happens(spec.mosaic), { mosaic: [partner(), partner(), partner()] as const }],
    [happens(spec.copyPaste), { copyPaste: partner() }],
    [happens(spec.mixup), { mixup: partner() }],
  ] as const;
  return Object.assign({}, ...plans.map(([isWanted, plan]) => isWanted ? plan : {}));
}

/** Whether there is anything to mix. */
export function isMixing({ mosaic, copyPaste, mixup }: MixSpec): boolean {
  return mosaic > 0 || copyPaste > 0 || mixup > 0;
}
