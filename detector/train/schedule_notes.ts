/**
 * What is odd about the length of a run beside its schedule: settings that are allowed and yet hardly meant, since they
 * say nothing about a run that ends before they apply. Told once, at the start, by `--dry_run` and by `doctor`.
 */

import type { DataConfig, OptimizerConfig } from "../config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { mixUntil } from "../data/configured_transforms.ts";
import { evaluationsLeft } from "./evaluation_plan.ts";
import { totalStepsOf } from "./learning_rates.ts";

/** One line for each oddity; none where no step would be made. */
export function scheduleNotes(
  config: OptimizerConfig & DataConfig,
  { stepsPerEpoch }: { readonly stepsPerEpoch: number },
): string[] {
  const steps = totalStepsOf(config, stepsPerEpoch);
  if (steps < 1) return [];
  const run = { steps, stepsPerEpoch, epochs: Math.ceil(steps / stepsPerEpoch) };
  return [...notesOnLength(config, run), ...notesOnWarmup(config, run), ...notesOnFalls(config, run)];
}

/** How long a run is; the last of its epochs may be cut short. */
interface RunLength {
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

function notesOnLength(config: OptimizerConfig & DataConfig, { steps, epochs }: RunLength): string[] {
  const { max_steps, use_ema, ema_epoch, patience } = config;
  const notes: string[] = [];
  if (max_steps !== null && max_steps > steps) {
    notes.push(`max_steps=${max_steps} is never reached: ${counted(epochs, "epoch")} have ${counted(steps, "step")}`);
  }
  if (use_ema && ema_epoch >= epochs) {
    notes.push(`ema_epoch=${ema_epoch}: the average never begins, for the run ends after ${counted(epochs, "epoch")}`);
  }
  const evaluations = evaluationsLeft(config, 0, epochs);
  if (patience !== null && patience >= evaluations) {
    notes.push(`patience=${patience} never ends the run, which has ${counted(evaluations, "evaluation")}`);
  }
  const { aug_mosaic, aug_mixup, aug_copy_paste, aug_mix_off } = config;
  if (aug_mosaic + aug_mixup + aug_copy_paste > 0 && mixUntil(config) <= 0) {
    notes.push(`aug_mix_off=${aug_mix_off}: nothing is mixed, for the run has ${counted(config.epochs, "epoch")}`);
  }
  return notes;
}

function notesOnWarmup(config: OptimizerConfig, run: RunLength): string[] {
  const { warmup_steps: warmup } = config;
  if (warmup >= run.steps) {
    const share = Math.round(run.steps / warmup * 100);
    return [
      `warmup_steps=${warmup}: the run has only ${
        counted(run.steps, "step")
      }, so the learning rate rises to its end and ` +
      `comes to ${share} % of what is configured`,
    ];
  }
  const first = fallsOf(config, run)?.at.find((step) => step > 0);
  if (first === undefined || first >= warmup) return [];
  return [`warmup_steps=${warmup}: the learning rate falls at step ${first}, before the warm-up is over`];
}

function notesOnFalls(config: OptimizerConfig, run: RunLength): string[] {
  const falls = fallsOf(config, run);
  if (falls === undefined) return [];
  const { setting, at } = falls;
  const notes: string[] = [];
  if (at.includes(0)) {
    notes.push(`${setting}: the learning rate is a tenth of what is configured from the first step on`);
  }
  const reached = at.filter((step) => step < run.steps);
  const end = `the run ends after ${counted(run.epochs, "epoch")} and ${counted(run.steps, "step")}`;
  if (reached.length === 0) notes.push(`${setting}: the learning rate never falls, for ${end}`);
  else if (reached.length < at.length) {
    const missed = at.length - reached.length;
    notes.push(`${setting}: ${missed} of ${at.length} falls of the learning rate are never reached, for ${end}`);
  }
  return notes;
}

/** The steps at which the rate falls, the first alone where it falls again and again; undefined for a cycle. */
function fallsOf(
  config: OptimizerConfig,
  { steps, stepsPerEpoch }: RunLength,
): { readonly setting: string; readonly at: readonly number[] } | undefined {
  if (config.onecyclelr) return undefined;
  if (config.multi_step_lr) {
    const at = config.lr_drop_list.map((epoch) => epoch * stepsPerEpoch).sort((a, b) => a - b);
    return { setting: `lr_drop_list=[${config.lr_drop_list.join(", ")}]`, at };
  }
  if (config.lr_drop_fraction !== null) {
    return {
      setting: `lr_drop_fraction=${config.lr_drop_fraction}`,
      at: [Math.round(config.lr_drop_fraction * steps)],
    };
  }
  return { setting: `lr_drop=${config.lr_drop}`, at: [config.lr_drop * stepsPerEpoch] };
}
