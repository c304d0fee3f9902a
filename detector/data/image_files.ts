/**
 * Images that cannot be used: which files of a data set are missing or empty, found out before a run of hours begins, and
 * the error that names them. Whether a file that is there can be decoded shows only when it is.
 */

import { DinogradError } from "../../engine/errors.ts";
import { counted } from "../../engine/counted.ts";
import type { Dataset } from "./dataset.ts";
import { whyNothingToRead } from "../../platform/whole_files.ts";

/**
 * An image of a data set that cannot be used.
 *
 * @category Data sets
 */
export interface BadImage {
  /** The id by which annotations refer to it. */
  readonly imageId: number;
  /** One line that names the file and says what is wrong with it. */
  readonly reason: string;
}

/** Files that are asked for at a time: a disk far away answers many questions as fast as one. */
const AT_ONCE = 32;
/** Images that are named one by one. */
const NAMED = 3;

/** The images of a data set that have no file, an empty one or none that can be read, in order. Opens no file. */
export async function missingImages(dataset: Dataset): Promise<BadImage[]> {
  const found = new Map<number, BadImage>();
  let next = 0;
  const look = async () => {
    while (next < dataset.length) {
      const index = next++;
      const { path, image } = dataset.entry(index);
      const why = image ? undefined : await whyNothingToRead(path);
      if (why !== undefined) found.set(index, { imageId: dataset.imageIds[index], reason: `${path}: ${why}` });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, look));
  return [...found].sort(([a], [b]) => a - b).map(([, bad]) => bad);
}

/** What to do about bad images, for the end of a message. */
const BAD_IMAGE_REMEDY = "fix them, take them out of the annotations, or continue without them with " +
  "--skip_bad_images";

/**
 * Where some images are missing (see `missingImages`) and may be left out, returns a line that says so.
 * @throws {DinogradError} of kind "data" that names the first of them, unless they may be left out; where all are
 * missing in any case
 */
export function requireImages(
  dataset: Dataset,
  { missing, skipBad }: { readonly missing: readonly BadImage[]; readonly skipBad: boolean },
): string | undefined {
  if (missing.length === 0) return undefined;
  const { annotationFile, length } = dataset;
  const list = describeBad(missing);
  const some = `${missing.length} of ${counted(length, "image")}`;
  if (skipBad && missing.length < length) {
    return `${annotationFile}: ${some} ${missing.length === 1 ? "is" : "are"} left out: ${list}`;
  }
  const remedy = missing.length < length ? `; ${BAD_IMAGE_REMEDY}` : "";
  throw new DinogradError(
    "data",
    `${annotationFile}: expected a file for every image but found none to read for ${some}: ${list}${remedy}`,
  );
}

/** The first few by their reasons, and how many more there are. */
export function describeBad(images: readonly BadImage[]): string {
  const more = images.length > NAMED ? `, and ${images.length - NAMED} more` : "";
  return images.slice(0, NAMED).map(({ reason }) => reason).join(", ") + more;
}
