/**
 * The configured schedule: which learning rates are in force at a step. Rates are a pure function of the config and the
 * progress, so resuming needs no scheduler state, and a run can start at any epoch with the rates of that epoch.
 */

import { linearWarmup, multiStepLR, oneCycleLR, type Schedule, stepLR } from "../../engine/optim/mod.ts";
import type { OptimizerConfig } from "../config/mod.ts";
import { counted } from "../../engine/counted.ts";
import type { Progress } from "./progress.ts";

interface StepRates {
  /** One per parameter group. */
  readonly learningRates: readonly number[];
  readonly momentum?: number;
}

export interface RatesPlan {
  /** For people and for the bundle: "StepLR(step_size=11 epochs, gamma=0.1)". */
  readonly description: string;
  readonly totalSteps: number;
  at(progress: Progress): StepRates;
}

/** How many optimizer steps the configured training has. */
export function totalStepsOf(config: OptimizerConfig, stepsPerEpoch: number): number {
  const byEpochs = config.epochs * stepsPerEpoch;
  return config.max_steps === null ? byEpochs : Math.min(config.max_steps, byEpochs);
}

/** Plans the rates of groups with the given initial rates. */
export function planRates(
  config: OptimizerConfig,
  run: { readonly initialRates: readonly number[]; readonly stepsPerEpoch: number },
): RatesPlan {
  const totalSteps = totalStepsOf(config, run.stepsPerEpoch);
  const warmup = linearWarmup(config.warmup_steps);
  const { description, unit, make } = scheduleOf(config, totalSteps);
  const schedules = run.initialRates.map(make);
  return {
    description: config.warmup_steps > 0
      ? `${description}, linear warm-up over ${counted(config.warmup_steps, "step")}`
      : description,
    totalSteps,
    at({ epoch, step }) {
      const rates = schedules.map((schedule) => schedule(unit === "epoch" ? epoch : step));
      const factor = warmup(step);
      return {
        learningRates: rates.map(({ learningRate }) => learningRate * factor),
        momentum: rates[0]?.momentum,
      };
    },
  };
}

interface ConfiguredSchedule {
  readonly description: string;
  readonly unit: "epoch" | "step";
  readonly make: (initial: number) => Schedule;
}

function scheduleOf(config: OptimizerConfig, totalSteps: number): ConfiguredSchedule {
  if (config.onecyclelr) {
    return {
      description: `OneCycleLR(max_lr=${config.lr} for all groups, total_steps=${totalSteps}, pct_start=0.2)`,
      unit: "step",
      make: () => oneCycleLR(config.lr, { totalSteps, pctStart: 0.2 }),
    };
  }
  if (config.multi_step_lr) {
    const milestones = config.lr_drop_list;
    return {
      description: `MultiStepLR(milestones=[${milestones.join(", ")}] epochs, gamma=0.1)`,
      unit: "epoch",
      make: (initial) => multiStepLR(initial, { milestones }),
    };
  }
  if (config.lr_drop_fraction !== null) {
    const at = Math.round(config.lr_drop_fraction * totalSteps);
    return {
      description: `MultiStepLR(milestones=[${at}] steps, gamma=0.1)`,
      unit: "step",
      make: (initial) => multiStepLR(initial, { milestones: [at] }),
    };
  }
  return {
    description: `StepLR(step_size=${config.lr_drop} epochs, gamma=0.1)`,
    unit: "epoch",
    make: (initial) => stepLR(initial, { stepSize: config.lr_drop }),
  };
}
