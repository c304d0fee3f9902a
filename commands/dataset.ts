/** `dataset`: makes data sets. `dataset cards` draws scenes of playing cards in the COCO format. */
import type { Command } from "commander";
import { counted } from "../detector/counted.ts";
import { generateCards } from "../detector/data/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { integerFlag, type Verb } from "./shared/command.ts";

interface DatasetFlags {
  readonly out: string;
  readonly images: number;
  readonly val_images?: number;
  readonly seed: number;
  readonly size?: number;
  readonly overwrite?: true;
  readonly json?: true;
}

export const datasetVerb: Verb<DatasetFlags> = {
  define(command: Command): void {
    command
      .argument("<kind>", "cards")
      .requiredOption("--out <dir>", "folder to make")
      .option("--images <n>", "training images", integerFlag({ min: 1 }), 2000)
      .option("--val_images <n>", "validation images (default: a tenth, at least 20)", integerFlag({ min: 1 }))
      .option("--seed <n>", "seed of the scenes", integerFlag({ min: 0, max: 2 ** 32 - 1 }), 1)
      .option("--size <n>", "width and height in pixels (default: 160)", integerFlag({ min: 96, max: 4096 }))
      .option("--overwrite", "write into a folder that holds a data set already")
      .option("--json", "print the counts as JSON");
  },

  async run({ args: [kind], flags, terminal }): Promise<void> {
    if (kind !== "cards") throw new DinogradError("usage", `dataset: expected cards but found ${kind}`);
    const { images } = flags;
    const validation = flags.val_images ?? Math.max(20, Math.round(images / 10));
    const progress = terminal.progress("drawing", images + validation);
    const counts = await generateCards({
      out: flags.out,
      images,
      valImages: validation,
      seed: flags.seed,
      ...(flags.size !== undefined ? { size: flags.size } : {}),
      overwrite: flags.overwrite ?? false,
      onProgress: (done) => progress.update(done),
    });
    progress.finish();
    if (flags.json) return terminal.json({ out: flags.out, ...counts });
    terminal.say(
      `${flags.out}: ${counted(counts.trainImages, "training image")} with ${counted(counts.trainObjects, "card")}, ` +
        `${counted(counts.valImages, "validation image")} with ${counts.valObjects}`,
    );
  },
};
