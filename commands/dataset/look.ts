/** `dataset stats`, `dataset check` and `dataset show`: what a data set holds, what is wrong with it, how it looks. */
import { counted } from "../../engine/counted.ts";
import { writeBytes } from "../../platform/whole_files.ts";
import { checkDataset, datasetStats, readDatasetFolder } from "../../detector/data/formats/mod.ts";
import { readImage } from "../../detector/data/mod.ts";
import { annotateImage } from "../../detector/draw/mod.ts";
import type { DatasetCall } from "./call.ts";
import { EXIT_CODES } from "../shared/exit_codes.ts";

/** Images that `show` draws unless it is told otherwise. */
const SHOWN = 24;

export async function showStats({ folder, flags, terminal }: DatasetCall): Promise<void> {
  const stats = datasetStats(await readDatasetFolder(folder, flags.from));
  if (flags.json) return terminal.json(Object.fromEntries(stats));
  for (
    const [split, { images, empty, objects, crowds, sizes, mostObjects, smallestImage, largestImage, classes }] of stats
  ) {
    terminal.say(`${split}: ${counted(images, "image")} (${empty} without objects), ${counted(objects, "object")}`);
    terminal.say(
      `  sizes ${sizes.small} small, ${sizes.medium} medium, ${sizes.large} large; ${counted(crowds, "crowd")}`,
    );
    terminal.say(
      `  images from ${smallestImage.join(" x ")} to ${largestImage.join(" x ")}, up to ${
        counted(mostObjects, "object")
      }`,
    );
    terminal.table(
      ["id", "class", "objects", "images"],
      classes.map((one) => [one.id, one.name, one.objects, one.images]),
    );
  }
}

export async function checkFolder({ folder, flags, terminal }: DatasetCall): Promise<number> {
  const dataset = await readDatasetFolder(folder, flags.from);
  const images = [...dataset.splits.values()].reduce((sum, { length }) => sum + length, 0);
  const progress = terminal.progress("checking", images);
  let done = 0;
  const findings = await checkDataset(dataset, { onImage: () => progress.update(++done) });
  progress.finish();
  if (flags.json) terminal.json(findings);
  else {
    for (const { severity, text } of findings) terminal.say(`${severity}: ${text}`);
    if (findings.length === 0) terminal.say(`${folder}: nothing is wrong`);
  }
  return findings.some(({ severity }) => severity === "error") ? EXIT_CODES.data : 0;
}

export async function drawTruth({ folder, flags, terminal }: DatasetCall): Promise<void> {
  const { out = "", images: most = SHOWN } = flags; // `out` was asked for
  const { categories, splits } = await readDatasetFolder(folder, flags.from);
  const nameOf = new Map(categories.map(({ id, name }) => [id, name]));
  const drawn: string[] = [];
  for (const [split, images] of splits) {
    // Evenly over the whole part: neighbours look alike.
    const count = Math.min(images.length, Math.max(1, Math.floor(most / splits.size)));
    for (let at = 0; at < count; at++) {
      const { path, name, objects } = images[Math.floor(at * images.length / count)];
      const { bytes, extension } = await annotateImage(
        await readImage(path),
        objects.map(({ categoryId, box: [x, y, w, h] }) => ({
          label: categoryId,
          name: nameOf.get(categoryId) ?? String(categoryId),
          box: [x, y, x + w, y + h],
        })),
      );
      const file = `${out}/${split}/${name.replaceAll("/", "__").replace(/\.[^.]*$/, "")}.${extension}`;
      await writeBytes(file, bytes);
      drawn.push(file);
    }
  }
  if (flags.json) return terminal.json(drawn);
  terminal.say(`${counted(drawn.length, "image")} with the truth drawn on it in ${out}`);
}
