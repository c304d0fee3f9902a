/** What a data set's labels are like, in one picture: how many of each class, how large, and where in the images. */
import type { Dataset } from "../../data/mod.ts";
import { arrangePictures, type Bar, barChart, heatmap } from "../../draw/mod.ts";
import { shortened } from "../../draw/parts.ts";

/** More classes than that are shown by their extremes. */
const MOST_BARS = 20;
/** So many of the bars are then the rarest classes, which are the ones to worry about. */
const RAREST = 8;
/** Parts of an image's width and height, from the smallest boxes to the largest. */
const SIZES = ["<1/64", "1/64\u20131/32", "1/32\u20131/16", "1/16\u20131/8", "1/8\u20131/4", "1/4\u20131/2", ">1/2"];
/** Fields that an image is cut into, along each side. */
const FIELDS = 10;

interface LabelCounts {
  /** Objects and the images that they are in, of every category of the file, the most frequent first. */
  readonly classes: readonly { readonly name: string; readonly objects: number; readonly images: number }[];
  /** `[height, width]`: boxes by the share of their image's sides, in the bins of `SIZES`. */
  readonly sizes: readonly (readonly number[])[];
  /** `[y, x]`: boxes by their centre, in tenths of their image. */
  readonly positions: readonly (readonly number[])[];
  /** Objects of images whose size the file does not state: they are missing in `sizes` and `positions`. */
  readonly unplaced: number;
}

/** Counts the objects of a data set, crowds left out, without opening an image. */
export function countLabels(dataset: Dataset): LabelCounts {
  const square = (side: number) => Array.from({ length: side }, () => new Array<number>(side).fill(0));
  const [sizes, positions] = [square(SIZES.length), square(FIELDS)];
  const objectsOf = new Map(dataset.categories.map(({ id }) => [id, 0]));
  const imagesOf = new Map<number, number>();
  let unplaced = 0;
  for (let index = 0; index < dataset.length; index++) {
    const { objects } = dataset.entry(index);
    for (const { category_id: id } of objects) objectsOf.set(id, (objectsOf.get(id) ?? 0) + 1);
    for (const id of new Set(objects.map(({ category_id }) => category_id))) {
      imagesOf.set(id, (imagesOf.get(id) ?? 0) + 1);
    }
    const size = dataset.statedSize(index);
    if (size === null) unplaced += objects.length;
    else {
      for (const { bbox: [x, y, width, height] } of objects) {
        sizes[sizeBin(height / size.height)][sizeBin(width / size.width)]++;
        positions[field((y + height / 2) / size.height)][field((x + width / 2) / size.width)]++;
      }
    }
  }
  const classes = [...objectsOf].map(([id, objects]) => ({
    name: dataset.categoryName(id),
    objects,
    images: imagesOf.get(id) ?? 0,
  })).sort((a, b) => b.objects - a.objects);
  return { classes, sizes, positions, unplaced };
}

const clamped = (value: number, limit: number) => Math.max(0, Math.min(limit - 1, value));
const field = (share: number) => clamped(Math.floor(share * FIELDS) || 0, FIELDS);
/** Shares of 1/2 and more are in the last bin, each other one has half the shares of the one above it. */
const sizeBin = (share: number) => clamped(share > 0 ? Math.floor(Math.log2(share)) + SIZES.length : 0, SIZES.length);

/** The picture as an SVG document. */
export function labelsSvg({ classes, sizes, positions, unplaced }: LabelCounts): string {
  const objects = classes.reduce((sum, one) => sum + one.objects, 0);
  const isCut = classes.length > MOST_BARS;
  const shown = isCut ? [...classes.slice(0, MOST_BARS - RAREST), ...classes.slice(-RAREST)] : classes;
  const bars = shown.map(({ name, objects, images }): Bar => ({
    name: shortened(name),
    value: objects,
    note: `${objects} in ${images} images`,
  }));
  const title = isCut
    ? `${objects} objects: the ${MOST_BARS - RAREST} most and the ${RAREST} least frequent of ${classes.length} classes`
    : `${objects} objects by class`;
  const missing = unplaced > 0 ? ` (without ${unplaced} of images of unknown size)` : "";
  const tenths = Array.from({ length: FIELDS }, (_, at) => (at / FIELDS).toFixed(1));
  return arrangePictures([
    [barChart(bars, { title })],
    [
      heatmap({
        title: `Sizes of boxes${missing}`,
        rowLabel: "height / image height",
        columnLabel: "width / image width",
        rows: SIZES,
        columns: SIZES,
        counts: sizes,
        shades: "largest",
      }),
      heatmap({
        title: "Centres of boxes",
        rowLabel: "y / image height",
        columnLabel: "x / image width",
        rows: tenths,
        columns: tenths,
        counts: positions,
        shades: "largest",
      }),
    ],
  ]);
}
