/** `prune`: removes old bundles of a folder, never the last sound one. */
import type { Command } from "commander";
import {
  listBundles,
  lockFolder,
  planPrune,
  pruneFolder,
  type PruneRules,
  stateField,
  type StateValue,
} from "../checkpoint/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { integerFlag, type Verb } from "./shared/command.ts";
import { isFolder } from "./shared/files.ts";

interface PruneFlags {
  readonly last: number;
  readonly best?: number;
  readonly every?: number;
  readonly dry_run?: true;
  readonly json?: true;
}

export const pruneVerb: Verb<PruneFlags> = {
  define(command: Command): void {
    command
      .argument("<folder>", "an output folder")
      .option("--last <n>", "keep the last n", integerFlag({ min: 1 }), 1)
      .option("--best <n>", "also keep the n with the best AP", integerFlag({ min: 0 }))
      .option("--every <n>", "also keep those of every n-th epoch", integerFlag({ min: 1 }))
      .option("--dry_run", "say what would be removed and remove nothing")
      .option("--json", "print the plan as JSON");
  },

  async run({ args: [folder], flags, terminal }): Promise<void> {
    if (!await isFolder(folder)) {
      throw new DinogradError("usage", `prune: expected a folder but found none at ${folder}`);
    }
    const rules: PruneRules = {
      last: flags.last,
      metricOf: latestAp,
      ...(flags.best !== undefined ? { best: flags.best } : {}),
      ...(flags.every !== undefined ? { every: flags.every } : {}),
    };
    const plan = flags.dry_run
      ? planPrune((await listBundles(folder)).bundles, rules)
      : await pruneLocked(folder, rules);
    if (flags.json) return terminal.json(plan);
    for (const { path, reason } of plan.keep) terminal.say(`kept ${path} (${reason})`);
    for (const path of plan.remove) terminal.say(`${flags.dry_run ? "would remove" : "removed"} ${path}`);
    if (plan.keep.length + plan.remove.length === 0) terminal.say(`${folder}: no bundles`);
  },
};

async function pruneLocked(folder: string, rules: PruneRules) {
  await using _lock = await lockFolder(folder);
  return await pruneFolder(folder, rules);
}

/** AP of the epoch a bundle was written after: the first of the twelve numbers in the last entry of its history. */
export function latestAp(state: StateValue): number | undefined {
  const history = stateField(state, "history");
  const last = Array.isArray(history) ? history.at(-1) : undefined;
  const numbers = stateField(last, "test_coco_eval_bbox");
  const ap = Array.isArray(numbers) ? numbers[0] : undefined;
  return typeof ap === "number" ? ap : undefined;
}
