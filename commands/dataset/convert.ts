/** `dataset convert` and `dataset split`: one data set written as another. */
import { counted } from "../../engine/counted.ts";
import {
  type AnnotatedDataset,
  readDatasetFolder,
  splitDataset,
  writeDatasetFolder,
} from "../../detector/data/formats/mod.ts";
import type { DatasetCall } from "./call.ts";

export async function convertDataset(call: DatasetCall): Promise<void> {
  await write(await readDatasetFolder(call.folder, call.flags.from), call);
}

export async function splitFolder(call: DatasetCall): Promise<void> {
  const { folder, flags: { from, val = 0.2, seed } } = call;
  await write(splitDataset(await readDatasetFolder(folder, from), { share: val, seed }), call);
}

async function write(dataset: AnnotatedDataset, { flags, terminal }: DatasetCall): Promise<void> {
  const { out = "", to = "coco", link } = flags; // `out` was asked for
  const images = [...dataset.splits.values()].reduce((sum, { length }) => sum + length, 0);
  const progress = terminal.progress("writing", images);
  let done = 0;
  await writeDatasetFolder(out, dataset, { format: to, link, onImage: () => progress.update(++done) });
  progress.finish();
  const counts = [...dataset.splits].map(([split, listed]) => ({
    split,
    images: listed.length,
    objects: listed.reduce((sum, { objects }) => sum + objects.length, 0),
  }));
  if (flags.json) return terminal.json({ out, format: to, splits: counts });
  for (const one of counts) {
    terminal.say(`${out}: ${one.split}, ${counted(one.images, "image")} with ${counted(one.objects, "object")}`);
  }
}
