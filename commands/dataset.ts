/** `dataset`: makes data sets, turns one format into another, and looks at what one holds. */
import type { Command } from "commander";
import { DATASET_FORMATS, type DatasetFormat } from "../detector/data/formats/annotated.ts";
import { TRAINING_LOOK_KINDS } from "../detector/config/look_kinds.ts";
import { DinogradError } from "../engine/errors.ts";
import type { DatasetCall, DatasetFlags } from "./dataset/call.ts";
import { drawCards } from "./dataset/cards.ts";
import { drawShapes } from "./dataset/shapes.ts";
import { integerFlag, numberFlag, UnfitValue, type Verb } from "./shared/command.ts";

interface Action {
  /** Flags that mean something, beside `--json`. */
  readonly flags: readonly string[];
  readonly needs: readonly ("folder" | "out" | "to")[];
  run(call: DatasetCall): Promise<number | void>;
}

// What reads and draws is loaded when there is work for it: help and usage errors come at once.
const ACTIONS: Readonly<Record<string, Action>> = {
  cards: {
    flags: ["out", "images", "val_images", "seed", "size", "overwrite"],
    needs: ["out"],
    run: drawCards,
  },
  shapes: {
    flags: ["out", "images", "val_images", "seed", "overwrite"],
    needs: ["out"],
    run: drawShapes,
  },
  convert: {
    flags: ["out", "from", "to", "link"],
    needs: ["folder", "out", "to"],
    run: async (call) => await (await import("./dataset/convert.ts")).convertDataset(call),
  },
  split: {
    flags: ["out", "from", "to", "link", "val", "seed"],
    needs: ["folder", "out"],
    run: async (call) => await (await import("./dataset/convert.ts")).splitFolder(call),
  },
  stats: {
    flags: ["from"],
    needs: ["folder"],
    run: async (call) => await (await import("./dataset/look.ts")).showStats(call),
  },
  check: {
    flags: ["from"],
    needs: ["folder"],
    run: async (call) => await (await import("./dataset/look.ts")).checkFolder(call),
  },
  show: {
    flags: ["from", "out", "images", "checkpoint", "show"],
    needs: ["folder", "out"],
    run: async (call) =>
      call.flags.checkpoint === undefined && call.flags.show === undefined
        ? await (await import("./dataset/look.ts")).drawTruth(call)
        : await (await import("./dataset/look_at_training.ts")).drawTraining(call),
  },
};

const NEEDED = { folder: "the folder of a data set", out: "--out DIR", to: "--to FORMAT" } as const;

export const datasetVerb: Verb<DatasetFlags> = {
  define(command: Command): void {
    const format = (text: string): DatasetFormat => {
      const known = DATASET_FORMATS.find((name) => name === text);
      if (known === undefined) throw new UnfitValue(`one of ${DATASET_FORMATS.join(", ")}`);
      return known;
    };
    command
      .argument("<action>", Object.keys(ACTIONS).join(", "))
      .argument("[folder]", "the data set to look at; not for cards and shapes")
      .option("--out <dir>", "folder to make")
      .option(
        "--images <n>",
        "cards, shapes: training images (default: 2000, 300); show: images to draw (default: 24)",
        integerFlag({ min: 1 }),
      )
      .option(
        "--val_images <n>",
        "cards, shapes: validation images (default: a tenth, a fifth, at least 20)",
        integerFlag({ min: 1 }),
      )
      .option(
        "--seed <n>",
        "cards, shapes, split: decides scenes or images",
        integerFlag({ min: 0, max: 2 ** 32 - 1 }),
        1,
      )
      .option("--size <n>", "cards: width and height in pixels (default: 160)", integerFlag({ min: 96, max: 4096 }))
      .option("--overwrite", "cards, shapes: write into a folder that holds a data set already")
      .option(
        "--from <format>",
        `what the folder is: ${DATASET_FORMATS.join(", ")} (default: what it looks like)`,
        format,
      )
      .option("--to <format>", "convert, split: what to write (split: default coco)", format)
      .option("--link", "convert, split: link to the images instead of copying them")
      .option(
        "--val <share>",
        "split: share of the images that becomes validation (default: 0.2)",
        numberFlag({ min: 0, max: 1 }),
      )
      .option("--checkpoint <file>", "show: a model, of which --show draws what a training step does with the images")
      .option("--show <kinds...>", `show, with --checkpoint: ${Object.keys(TRAINING_LOOK_KINDS).join(", ")}`)
      .option("--json", "print the result as JSON");
  },

  async run({ args: [name, folder], flags, terminal, given }): Promise<number | void> {
    if (!Object.hasOwn(ACTIONS, name)) {
      throw new DinogradError("usage", `dataset: expected ${Object.keys(ACTIONS).join(", ")} but found ${name}`);
    }
    const action = ACTIONS[name];
    if (folder !== undefined && !action.needs.includes("folder")) {
      throw new DinogradError("usage", `dataset ${name}: expected no folder but found ${folder}`);
    }
    const has = { folder: folder !== undefined, out: flags.out !== undefined, to: flags.to !== undefined };
    const missing = action.needs.find((need) => !has[need]);
    if (missing) throw new DinogradError("usage", `dataset ${name}: expected ${NEEDED[missing]} but found none`);
    const idle = given.find((option) => option.name !== "json" && !action.flags.includes(option.name));
    if (idle) {
      throw new DinogradError("usage", `dataset ${name}: expected none of the others' flags but found --${idle.name}`);
    }
    return await action.run({ folder: folder ?? "", flags, terminal });
  },
};
