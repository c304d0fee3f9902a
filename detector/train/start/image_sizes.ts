/**
 * Images that would end a run half-way: too small, or too much of a strip, to give the model as many tokens as it has
 * queries. Their sizes are in the annotations and what augmentation may make of them is known, so it is asked at the
 * start (and by `doctor`), before hours of work. What the annotations do not tell, or tell wrongly, is met when it is due.
 */
import type { DinoConfig, RunUi } from "../../config/mod.ts";
import { transformsOf } from "../../data/configured_transforms.ts";
import { counted } from "../../../engine/counted.ts";
import { readBytes } from "../../../platform/whole_files.ts";
import { type Dataset, sizeOfImage } from "../../data/mod.ts";
import { sizesAfter } from "../../data/size_range.ts";
import { tokensOf } from "../../model/token_count.ts";
import { DinogradError } from "../../../engine/errors.ts";

/** An image that the model may not be able to take. */
interface SmallImage {
  /** The image's id in its annotations. */
  readonly imageId: number;
  /** As in the annotations, in pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** The fewest that it may come to. */
  readonly fewestTokens: number;
  /** The most that it may come to, without padding. */
  readonly mostTokens: number;
}

/** The images of a split that may come to fewer tokens than the configuration has queries. */
export function findSmallImages(dataset: Dataset, config: DinoConfig): SmallImage[] {
  const transforms = transformsOf(config, dataset.split === "train");
  const asked = new Map<string, { fewestTokens: number; mostTokens: number }>();
  const small: SmallImage[] = [];
  for (const { id: imageId, size } of dataset.groundTruth.images) {
    if (size === undefined) continue;
    const key = `${size.width}x${size.height}`;
    let found = asked.get(key);
    if (found === undefined) {
      const tokens = sizesAfter(size, transforms).map((one) => tokensOf(one, config));
      found = { fewestTokens: Math.min(...tokens), mostTokens: Math.max(...tokens) };
      asked.set(key, found);
    }
    if (found.fewestTokens < config.num_queries) small.push({ imageId, size, ...found });
  }
  return small;
}

/** What can be done about it. */
export const SMALL_IMAGE_REMEDY = "lower num_queries (and num_select), raise data_aug_scales, or leave the image out";

/** What is to be said of a split's small images. */
interface SmallImageReport {
  /** One line that names the first of them, tokens and queries. */
  readonly text: string;
  /** Whether the run ends for certain when the image's turn comes; else only by an unlucky draw or in a batch of such. */
  readonly isCertain: boolean;
}

/** Images whose files are asked whether the annotations are right; where so many are wrong, nothing can be said. */
const MOST_CONFIRMED = 16;

/** The report on a split, or undefined where all images will do. Only an image whose own header agrees is told. */
export async function reportSmallImages(
  dataset: Dataset,
  config: DinoConfig,
): Promise<SmallImageReport | undefined> {
  // The surest first: they are the ones to tell.
  const small = findSmallImages(dataset, config).sort((a, b) => a.mostTokens - b.mostTokens);
  // In training others of its batch may pad an image; in evaluation it comes alone.
  const isAlone = dataset.split !== "train" || config.batch_size === 1;
  for (const image of small.slice(0, MOST_CONFIRMED)) {
    if (!await isRightlyDescribed(image, { dataset, config })) continue;
    const { imageId, size, fewestTokens, mostTokens } = image;
    const isCertain = isAlone && mostTokens < config.num_queries;
    const more = small.length > 1 ? ` (and ${counted(small.length - 1, "image")} more)` : "";
    const text = `${dataset.split}: image ${imageId} of ${size.width} x ${size.height} pixels ` +
      `${
        isCertain ? "comes" : "may come"
      } to ${fewestTokens} tokens, fewer than num_queries=${config.num_queries}${more}`;
    return { text, isCertain };
  }
  return undefined;
}

/** Whether the file's header claims the size of the annotations, standing or lying. */
async function isRightlyDescribed(
  { imageId, size }: SmallImage,
  { dataset, config }: { readonly dataset: Dataset; readonly config: DinoConfig },
): Promise<boolean> {
  const { path, image } = dataset.entry(dataset.imageIds.indexOf(imageId));
  if (image) return true;
  try {
    const own = await sizeOfImage(await readBytes(path), { name: path, exifOrientation: config.exif_orientation });
    return Math.min(own.width, own.height) === Math.min(size.width, size.height) &&
      Math.max(own.width, own.height) === Math.max(size.width, size.height);
  } catch {
    return false; // it is told when the image is due, and by doctor
  }
}

/**
 * Warns of images that may end the run.
 * @throws DinogradError of kind "config" where one certainly will
 */
export async function requireLargeImages(
  sets: readonly Dataset[],
  { config, ui }: { readonly config: DinoConfig; readonly ui: RunUi },
): Promise<void> {
  for (const dataset of sets) {
    const report = await reportSmallImages(dataset, config);
    if (report === undefined) continue;
    if (report.isCertain) throw new DinogradError("config", `${report.text}; ${SMALL_IMAGE_REMEDY}`);
    ui.warn(`${report.text}: training ends there unless a larger image of its batch pads it; ${SMALL_IMAGE_REMEDY}`);
  }
}
