/**
 * Which numbered bundles of a run stay (`--keep_checkpoints`). Unless it is told otherwise a run keeps the last, the best
 * and that of every tenth epoch: enough to go back, without filling a disk. What a run was told is in its bundles, so
 * that a resumed one does not remove what it was told to keep.
 */

import { type PruneRules, stateField, type StateValue } from "../../../checkpoint/mod.ts";
import type { KeepCheckpoints, RunUi } from "../../config/mod.ts";
import { StateReader } from "./bundle_state.ts";

/** What "auto" keeps; also what `prune` keeps where it is given no rule. */
export const AUTO_RULES: PruneRules = { last: 1, best: 1, every: 10, metricOf: latestAp };

/**
 * The rules to prune by; null to prune nothing. Where numbered bundles are written every so many epochs alone
 * (`save_checkpoint_interval`), these are the ones that were asked for: "auto" keeps them.
 */
export function keepRules(keep: KeepCheckpoints, { interval }: { readonly interval: number }): PruneRules | null {
  if (keep === "all" || (keep === "auto" && interval > 1)) return null;
  return keep === "auto" ? AUTO_RULES : { last: keep };
}

/** What the run of a bundle kept. Runs of versions that recorded nothing kept all. */
export function recordedKeep(state: StateValue, path: string): KeepCheckpoints {
  const { value } = new StateReader(state, path).get("runtime").get("keep_checkpoints");
  if (value === "auto") return value;
  return typeof value === "number" && Number.isInteger(value) && value >= 1 ? value : "all";
}

/** Says what will stay. */
export function showKeep(keep: KeepCheckpoints, { interval, ui }: {
  readonly interval: number;
  readonly ui: Pick<RunUi, "say">;
}): void {
  const rules = keepRules(keep, { interval });
  const kept = rules === null
    ? "all stay"
    : keep === "auto"
    ? `the last, the best and every ${rules.every}th stay (--keep_checkpoints all keeps every one)`
    : rules.last === 1
    ? "the last one stays"
    : `the last ${rules.last} stay`;
  ui.say(`numbered checkpoints: ${kept}`);
}

/** AP of the epoch that a bundle was written after: the first of the twelve numbers in the last entry of its history. */
export function latestAp(state: StateValue): number | undefined {
  const last = stateField(state, "history");
  const numbers = stateField(Array.isArray(last) ? last.at(-1) : undefined, "test_coco_eval_bbox");
  const ap = Array.isArray(numbers) ? numbers[0] : undefined;
  return typeof ap === "number" ? ap : undefined;
}
