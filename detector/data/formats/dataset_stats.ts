/** What a data set holds, in numbers: images and their sizes, objects by class and by COCO's three sizes. */
import type { AnnotatedDataset, AnnotatedImage } from "./annotated.ts";
import type { Split } from "../dataset.ts";

interface ClassStats {
  readonly id: number;
  readonly name: string;
  /** Crowds are not counted. */
  readonly objects: number;
  /** Images with at least one. */
  readonly images: number;
}

/** Numbers of one part of a data set. */
interface SplitStats {
  readonly images: number;
  /** Images without any object. */
  readonly empty: number;
  readonly objects: number;
  readonly crowds: number;
  /** Objects below 32 x 32 pixels, up to 96 x 96, and above. */
  readonly sizes: { readonly small: number; readonly medium: number; readonly large: number };
  /** Most objects of one image. */
  readonly mostObjects: number;
  /** Smallest and largest image by area, as [width, height]. */
  readonly smallestImage: readonly [number, number];
  readonly largestImage: readonly [number, number];
  /** Every class that the data set names, in the order of ids. */
  readonly classes: readonly ClassStats[];
}

/** Counts every part of a data set. */
export function datasetStats({ categories, splits }: AnnotatedDataset): Map<Split, SplitStats> {
  return new Map([...splits].map(([split, images]) => [split, splitStats(images, categories)]));
}

function splitStats(images: readonly AnnotatedImage[], categories: AnnotatedDataset["categories"]): SplitStats {
  const all = images.flatMap(({ objects }) => objects);
  const objects = all.filter(({ isCrowd }) => !isCrowd);
  const count = (low: number, high: number) => objects.filter(({ area }) => area >= low && area < high).length;
  const byArea = images.toSorted((a, b) => a.width * a.height - b.width * b.height);
  const sizeOf = (image: AnnotatedImage | undefined) => [image?.width ?? 0, image?.height ?? 0] as const;
  return {
    images: images.length,
    empty: images.filter(({ objects }) => objects.length === 0).length,
    objects: objects.length,
    crowds: all.length - objects.length,
    sizes: { small: count(0, 32 ** 2), medium: count(32 ** 2, 96 ** 2), large: count(96 ** 2, Infinity) },
    mostObjects: images.reduce((most, { objects }) => Math.max(most, objects.length), 0),
    smallestImage: sizeOf(byArea[0]),
    largestImage: sizeOf(byArea.at(-1)),
    classes: categories.map(({ id, name }) => ({
      id,
      name,
      objects: objects.filter(({ categoryId }) => categoryId === id).length,
      images: images.filter(({ objects }) => objects.some((one) => one.categoryId === id && !one.isCrowd)).length,
    })),
  };
}
