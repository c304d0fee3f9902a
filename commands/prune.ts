/** `prune`: removes old bundles of a folder, never the last sound one. */
import type { Command } from "commander";
import { listBundles, lockFolder, planPrune, pruneFolder, type PruneRules } from "../checkpoint/mod.ts";
import { AUTO_RULES, latestAp } from "../detector/train/records/kept_bundles.ts";
import { DinogradError } from "../engine/errors.ts";
import { integerFlag, type Verb } from "./shared/command.ts";
import { isFolder } from "../platform/whole_files.ts";

interface PruneFlags {
  readonly last?: number;
  readonly best?: number;
  readonly every?: number;
  readonly dry_run?: true;
  readonly json?: true;
}

export const pruneVerb: Verb<PruneFlags> = {
  define(command: Command): void {
    command
      .argument("<folder>", "an output folder")
      .option("--last <n>", "keep the last n (default: 1)", integerFlag({ min: 1 }))
      .option("--best <n>", "also keep the n with the best AP", integerFlag({ min: 0 }))
      .option("--every <n>", "also keep those of every n-th epoch", integerFlag({ min: 1 }))
      .option("--dry_run", "say what would be removed and remove nothing")
      .option("--json", "print the plan as JSON");
  },

  async run({ args: [folder], flags, terminal }): Promise<void> {
    if (!await isFolder(folder)) {
      throw new DinogradError("usage", `prune: expected a folder but found none at ${folder}`);
    }
    const rules = rulesOf(flags);
    const plan = flags.dry_run
      ? planPrune((await listBundles(folder)).bundles, rules)
      : await pruneLocked(folder, { rules, warn: (line) => terminal.warn(line) });
    if (flags.json) return terminal.json(plan);
    for (const { path, reason } of plan.keep) terminal.say(`kept ${path} (${reason})`);
    for (const path of plan.remove) terminal.say(`${flags.dry_run ? "would remove" : "removed"} ${path}`);
    if (plan.keep.length + plan.remove.length === 0) terminal.say(`${folder}: no bundles`);
  },
};

/** Without a rule of its own it keeps what a training keeps by itself. */
function rulesOf({ last, best, every }: PruneFlags): PruneRules {
  if (last === undefined && best === undefined && every === undefined) return AUTO_RULES;
  return {
    last: last ?? 1,
    metricOf: latestAp,
    ...(best !== undefined ? { best } : {}),
    ...(every !== undefined ? { every } : {}),
  };
}

async function pruneLocked(
  folder: string,
  { rules, warn }: { readonly rules: PruneRules; readonly warn: (line: string) => void },
) {
  await using _lock = await lockFolder(folder, { warn });
  return await pruneFolder(folder, rules);
}
