/**
 * A validation split for a data set that has none: a share of the training images, chosen by a seed so that every class
 * gets its share. Classes with the fewest objects choose first, because they have the fewest images to choose from
 * (iterative stratification: Sechidis et al., "On the stratification of multi-label data", 2011).
 */
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import type { AnnotatedDataset, AnnotatedImage } from "./annotated.ts";

interface SplitOptions {
  /** Share of the training images that becomes the validation split, between 0 and 1. */
  readonly share: number;
  /** Decides which images; 0 to 2³² - 1. */
  readonly seed: number;
}

/** Moves a share of the training images to a validation split. @throws DinogradError of kind "data" where that cannot be */
export function splitDataset(dataset: AnnotatedDataset, { share, seed }: SplitOptions): AnnotatedDataset {
  if (dataset.splits.has("val")) {
    throw new DinogradError("data", "dataset split: expected a data set without validation images but found some");
  }
  const images = dataset.splits.get("train") ?? [];
  const wanted = Math.round(images.length * share);
  if (wanted < 1 || wanted >= images.length) {
    throw new DinogradError(
      "data",
      `dataset split: expected a share that leaves images on both sides but found ${share} of ${images.length} images`,
    );
  }
  const chosen = chooseImages(images, { wanted, share, random: RandomStream.named(seed, "dataset/split") });
  return {
    categories: dataset.categories,
    splits: new Map([
      ...dataset.splits,
      ["train", images.filter((image) => !chosen.has(image))],
      ["val", images.filter((image) => chosen.has(image))],
    ]),
  };
}

function chooseImages(
  images: readonly AnnotatedImage[],
  { wanted, share, random }: { readonly wanted: number; readonly share: number; readonly random: RandomStream },
): Set<AnnotatedImage> {
  const left = shuffled(images, random);
  const chosen = new Set<AnnotatedImage>();
  const counts = new Map<number, number>();
  for (const { objects } of images) {
    for (const { categoryId } of objects) counts.set(categoryId, (counts.get(categoryId) ?? 0) + 1);
  }
  const missing = new Map([...counts].map(([id, count]) => [id, count * share]));
  for (const [id] of [...counts].sort(([a, m], [b, n]) => m - n || a - b)) {
    for (const image of left) {
      if (chosen.size === wanted || (missing.get(id) ?? 0) < 0.5) break;
      if (chosen.has(image) || !image.objects.some(({ categoryId }) => categoryId === id)) continue;
      chosen.add(image);
      for (const { categoryId } of image.objects) missing.set(categoryId, (missing.get(categoryId) ?? 0) - 1);
    }
  }
  // What is still missing is made up by images without objects first: they are in nobody's way.
  const rest = left.filter((image) => !chosen.has(image)).sort((a, b) => a.objects.length - b.objects.length);
  for (const image of rest) {
    if (chosen.size === wanted) break;
    chosen.add(image);
  }
  return chosen;
}

/** In an order that the stream alone decides (Fisher and Yates). */
function shuffled<T>(items: readonly T[], random: RandomStream): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.int(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
