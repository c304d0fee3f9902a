/**
 * Repeat-factor sampling (Gupta et al., LVIS: A Dataset for Large Vocabulary Instance Segmentation, arXiv:1908.03195,
 * section 5): an image with a rare class comes more often. With f(c) the share of images that have class c, the class's
 * factor is r(c) = max(1, sqrt(t / f(c))), and an image's the largest of its classes'.
 */
import type { Dataset } from "./dataset.ts";

/** A factor of at least 1 for each image of a data set; undefined for a threshold of 0, which repeats none. */
export function repeatFactors(dataset: Dataset, threshold: number): Float64Array | undefined {
  if (threshold <= 0) return undefined;
  const classesOf = Array.from(
    { length: dataset.length },
    (_, index) => new Set(dataset.entry(index).objects.map(({ category_id }) => category_id)),
  );
  const images = new Map<number, number>();
  for (const classes of classesOf) for (const id of classes) images.set(id, (images.get(id) ?? 0) + 1);
  const factorOf = (id: number) => Math.max(1, Math.sqrt(threshold * dataset.length / (images.get(id) ?? 1)));
  return Float64Array.from(classesOf, (classes) => Math.max(1, ...[...classes].map(factorOf)));
}
