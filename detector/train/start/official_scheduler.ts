/**
 * PyTorch's schedulers at rest: which of the three of the official code it is, the settings it stands for, and where it
 * stood, which is compared with where this run is.
 */

import { pickleGet, type PickleValue } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { ConfigObject } from "../../config/mod.ts";
import type { RatesPlan } from "../learning_rates.ts";
import type { Progress } from "../progress.ts";

/** Each fall of the official code. */
const GAMMA = 0.1;

interface OfficialScheduler {
  /** Settings of the configuration that make the same schedule. */
  readonly settings: ConfigObject;
  /** Where the schedule of this run is not where the file's was, and in what it is another one. */
  differences(plan: { readonly progress: Progress; readonly rates: RatesPlan }): string[];
}

/**
 * Tells a scheduler by its state.
 * @throws DinogradError of kind "checkpoint" where it is none of StepLR, MultiStepLR and OneCycleLR
 */
export function readScheduler(state: PickleValue | undefined, place: string): OfficialScheduler {
  const number = (key: string) => {
    const value = pickleGet(state, key);
    return typeof value === "number" ? value : undefined;
  };
  const done = number("last_epoch") ?? 0;
  const totalSteps = number("total_steps");
  if (totalSteps !== undefined) {
    return {
      settings: { onecyclelr: true, multi_step_lr: false, lr_drop_fraction: null, warmup_steps: 0 },
      differences: ({ progress, rates }) => {
        if (progress.step === done && rates.totalSteps === totalSteps) return [];
        return [
          `OneCycleLR: step ${done} of ${totalSteps} in the checkpoint, step ${progress.step} of ${rates.totalSteps} ` +
          "here, which counts",
        ];
      },
    };
  }
  const gamma = number("gamma") ?? GAMMA;
  const others = gamma === GAMMA ? [] : [`scheduler: gamma ${gamma} in the checkpoint, ${GAMMA} here`];
  const differences: OfficialScheduler["differences"] = ({ progress }) =>
    progress.epoch === done
      ? others
      : [...others, `scheduler: epoch ${done} in the checkpoint, epoch ${progress.epoch} here, which counts`];
  const same = { onecyclelr: false, lr_drop_fraction: null, warmup_steps: 0 };
  const milestones = pickleGet(state, "milestones");
  if (milestones instanceof Map) {
    const list = [...milestones.keys()].filter((epoch) => typeof epoch === "number").sort((a, b) => a - b);
    return { settings: { ...same, multi_step_lr: true, lr_drop_list: list }, differences };
  }
  const stepSize = number("step_size");
  if (stepSize !== undefined) {
    return { settings: { ...same, multi_step_lr: false, lr_drop: stepSize }, differences };
  }
  throw new DinogradError(
    "checkpoint",
    `${place}: expected the state of StepLR, MultiStepLR or OneCycleLR but found another scheduler's`,
  );
}
