/** Official flags that have no work to do here: accepted with a word on why, or refused where they would mislead. */
import type { Command } from "commander";
import type { RunUi } from "../../detector/config/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { integerFlag } from "./command.ts";

export interface OfficialFlags {
  readonly dataset_file?: string;
  readonly coco_panoptic_path?: string;
  readonly remove_difficult?: true;
  readonly find_unused_params?: true;
  readonly amp?: true;
  readonly world_size?: number;
  readonly dist_url?: string;
  readonly rank?: number;
  readonly local_rank?: number;
}

export function addOfficialFlags(command: Command): void {
  command
    .option("--dataset_file <name>", "coco, the only kind of data set")
    .option("--coco_panoptic_path <dir>", "refused: there is no panoptic segmentation")
    .option("--remove_difficult", "no effect, as in the official code")
    .option("--find_unused_params", "no effect: unused parameters need no search here")
    .option("--amp", "no effect: everything is computed in float32")
    .option("--world_size <n>", "1: there is one process", integerFlag({ min: 1 }))
    .option("--dist_url <url>", "no effect with one process")
    .option("--rank <n>", "0: there is one process", integerFlag({ min: 0 }))
    .option("--local_rank <n>", "no effect with one process", integerFlag({ min: 0 }));
}

/** Says which of the given flags do nothing. @throws DinogradError("usage") for those that cannot be honoured. */
export function checkOfficialFlags(flags: OfficialFlags, ui: RunUi): void {
  const refuse = (expected: string, found: string): never => {
    throw new DinogradError("usage", `train: expected ${expected} but found ${found}`);
  };
  const { dataset_file: kind = "coco" } = flags;
  if (flags.coco_panoptic_path !== undefined || kind === "coco_panoptic") {
    refuse("object detection", "panoptic segmentation, which is not part of dinograd");
  }
  if (kind !== "coco") refuse("--dataset_file coco (convert other data sets to the COCO format)", kind);
  if ((flags.world_size ?? 1) !== 1) refuse("one process", `--world_size ${flags.world_size}`);
  if ((flags.rank ?? 0) !== 0) refuse("one process", `--rank ${flags.rank}`);
  const idle = [
    flags.amp && "--amp (everything is computed in float32)",
    flags.find_unused_params && "--find_unused_params",
    flags.remove_difficult && "--remove_difficult",
    flags.dist_url && "--dist_url",
    flags.local_rank !== undefined && "--local_rank",
  ].filter((name) => typeof name === "string");
  if (idle.length > 0) ui.warn(`flags without effect: ${idle.join(", ")}`);
}
