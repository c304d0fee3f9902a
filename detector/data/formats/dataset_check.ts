/**
 * What is wrong with a data set, or likely to be: boxes that are none or lie outside their image, the same image in two
 * parts, classes nobody can learn. Reading it has already refused what cannot be understood at all.
 */
import { Sha256 } from "../../../checkpoint/codec/checksums.ts";
import { readBytes } from "../../../platform/whole_files.ts";
import type { AnnotatedDataset, AnnotatedImage } from "./annotated.ts";

interface DatasetFinding {
  /** `error`: training or its numbers suffer; `warning`: look at it. */
  readonly severity: "error" | "warning";
  /** One line: what it is, where it is first met, and how often. */
  readonly text: string;
}

/** Pixels that a box may stick out: rounding of annotation tools. */
const ROUNDING = 1;

/** Looks through a data set; reads every image file once. @throws DinogradError of kind "data" where one cannot be read */
export async function checkDataset(
  dataset: AnnotatedDataset,
  { onImage }: { readonly onImage?: () => void } = {},
): Promise<DatasetFinding[]> {
  const findings: DatasetFinding[] = [];
  const say = (severity: DatasetFinding["severity"], what: string, places: readonly string[]) => {
    if (places.length === 0) return;
    const more = places.length > 1 ? ` and ${places.length - 1} more` : "";
    findings.push({ severity, text: `${what}: ${places[0]}${more}` });
  };
  const seen = new Map<string, string>();
  const twice: string[] = [];
  for (const [split, images] of dataset.splits) {
    say("error", "boxes without width or height", places(images, ({ box: [, , w, h] }) => !(w > 0 && h > 0)));
    say(
      "error",
      "boxes outside their image",
      places(
        images,
        ({ box: [x, y, w, h] }, { width, height }) => x >= width || y >= height || x + w <= 0 || y + h <= 0,
      ),
    );
    say(
      "warning",
      "boxes that reach beyond their image",
      places(images, ({ box: [x, y, w, h] }, { width, height }) => {
        const isOutside = x >= width || y >= height || x + w <= 0 || y + h <= 0;
        return !isOutside && (x < -ROUNDING || y < -ROUNDING || x + w > width + ROUNDING || y + h > height + ROUNDING);
      }),
    );
    say("warning", "objects that are listed twice", images.filter(hasDuplicate).map(({ name }) => name));
    say(
      "warning",
      `images of ${split} without objects`,
      images.filter(({ objects }) => objects.length === 0).map(({ name }) => name),
    );
    for (const { path, name } of images) {
      const hash = new Sha256().update(await readBytes(path)).hex();
      const other = seen.get(hash);
      if (other !== undefined) twice.push(`${split}/${name} and ${other}`);
      else seen.set(hash, `${split}/${name}`);
      onImage?.();
    }
  }
  const isLeak = (pair: string) =>
    pair.split(" and ").map((one) => one.split("/")[0]).some((split, _, all) => split !== all[0]);
  say("error", "the same image in two parts of the data set", twice.filter(isLeak));
  say("warning", "the same image twice", twice.filter((pair) => !isLeak(pair)));
  for (const split of dataset.splits.keys()) {
    if (split === "test") continue; // its objects are often kept back
    const used = new Set(
      (dataset.splits.get(split) ?? []).flatMap(({ objects }) => objects.map((one) => one.categoryId)),
    );
    say(
      split === "train" ? "error" : "warning",
      `classes without an object in ${split}`,
      dataset.categories.filter(({ id }) => !used.has(id)).map(({ name }) => name),
    );
  }
  return findings;
}

function places(
  images: readonly AnnotatedImage[],
  isWrong: (object: AnnotatedImage["objects"][number], image: AnnotatedImage) => boolean,
): string[] {
  return images.flatMap((image) =>
    image.objects.filter((object) => isWrong(object, image)).map(({ box }) => `${image.name} [${box.join(", ")}]`)
  );
}

function hasDuplicate({ objects }: AnnotatedImage): boolean {
  return new Set(objects.map(({ categoryId, box }) => [categoryId, ...box].join())).size < objects.length;
}
