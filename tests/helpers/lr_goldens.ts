/**
 * The golden of the learning-rate schedules: PyTorch's rates, step by step, from `lr.json` alone.
 */

import { type NamedWorst, Worst } from "./compare.ts";
import { multiStepLR, oneCycleLR, type Schedule, stepLR } from "../../engine/optim/mod.ts";

interface ScheduleGolden {
  readonly args: Readonly<Record<string, number | number[] | boolean | string>>;
  readonly lr: readonly (readonly [main: number, backbone: number, beta1: number])[];
}

/** A scheduler's `state_dict()` after some steps, named by its schedule: `StepLR_after5`. */
interface StateExample {
  readonly base_lrs: readonly number[];
  readonly last_epoch: number;
  readonly _last_lr: readonly number[];
  readonly _step_count: number;
  readonly step_size?: number;
  readonly gamma?: number;
  /** By epoch, how often it counts. */
  readonly milestones?: Readonly<Record<string, number>>;
}

interface LrGolden {
  readonly lr: number;
  readonly lr_backbone: number;
  readonly schedules: Readonly<Record<string, ScheduleGolden>> & {
    readonly state_dict_examples?: Readonly<Record<string, StateExample>>;
  };
}

/** Relative, as the goldens' README asks. */
const TOLERANCE = 1e-12;

/** Compares every schedule of the file, and the rates that PyTorch's own saved states give. */
export function runLrGolden(text: string): NamedWorst[] {
  const golden: LrGolden = JSON.parse(text);
  const { state_dict_examples: examples = {}, ...schedules } = golden.schedules;
  const ratesOf = (name: string) =>
    [golden.lr, golden.lr_backbone].map((initial) => scheduleOf(name, initial, schedules[name].args));
  const within = (worst: Worst, where: string, [got, value]: readonly [number, number]) =>
    worst.within(where, got, { value, tolerance: TOLERANCE * Math.abs(value) });
  const results = Object.entries(schedules).map(([name, { lr }]) => {
    const worst = new Worst();
    const [main, backbone] = ratesOf(name);
    if (lr.length === 0) worst.add("no steps", Infinity);
    lr.forEach(([expectedMain, expectedBackbone, expectedBeta], at) => {
      const now = main(at);
      within(worst, `rate at ${at}`, [now.learningRate, expectedMain]);
      within(worst, `backbone's rate at ${at}`, [backbone(at).learningRate, expectedBackbone]);
      within(worst, `beta1 at ${at}`, [now.momentum ?? CONSTANT_BETA, expectedBeta]);
    });
    return { name, worst };
  });
  for (const [example, state] of Object.entries(examples)) {
    const worst = new Worst();
    const [, schedule, steps] = /^(\w+)_after(\d+)$/.exec(example) ?? [];
    if (!schedule) throw new Error(`lr.json: expected a name such as StepLR_after5 but found ${example}`);
    const { args } = schedules[schedule];
    worst.equal("steps", [state.last_epoch, state._step_count], [Number(steps), Number(steps) + 1]);
    worst.equal("settings", settingsOf(state), settingsOf({ ...args }));
    const rates = ratesOf(schedule);
    rates.forEach((rate, group) => {
      within(worst, `base rate ${group}`, [rate(0).learningRate, state.base_lrs[group]]);
      within(worst, `last rate ${group}`, [rate(state.last_epoch).learningRate, state._last_lr[group]]);
    });
    results.push({ name: example, worst });
  }
  return results;
}

/** What decides the rates, from a schedule's arguments or its saved state, which counts each milestone. */
function settingsOf(
  { step_size, gamma, milestones = {} }: Pick<StateExample, "step_size" | "gamma"> & { milestones?: object },
): string[] {
  const list = Array.isArray(milestones)
    ? milestones
    : Object.entries(milestones).flatMap(([epoch, times]) => Array<string>(times).fill(epoch));
  return [`${step_size}`, `${gamma}`, ...list.map(String)];
}

/** AdamW's own, which schedules without momentum leave alone. */
const CONSTANT_BETA = 0.9;

function scheduleOf(name: string, initial: number, args: ScheduleGolden["args"]): Schedule {
  const number = (key: string, fallback?: number) => {
    const value = args[key] ?? fallback;
    if (typeof value !== "number") throw new Error(`lr.json: expected ${name} to have a number "${key}"`);
    return value;
  };
  if (name.startsWith("StepLR")) return stepLR(initial, { stepSize: number("step_size"), gamma: number("gamma", 0.1) });
  if (name.startsWith("MultiStepLR")) {
    if (!Array.isArray(args.milestones)) throw new Error(`lr.json: expected ${name} to have milestones`);
    return multiStepLR(initial, { milestones: args.milestones, gamma: number("gamma", 0.1) });
  }
  if (name.startsWith("OneCycleLR")) {
    return oneCycleLR(number("max_lr"), {
      totalSteps: args.total_steps ? number("total_steps") : number("epochs") * number("steps_per_epoch"),
      pctStart: number("pct_start", 0.3),
      divFactor: number("div_factor", 25),
      finalDivFactor: number("final_div_factor", 1e4),
      baseMomentum: number("base_momentum", 0.85),
      maxMomentum: number("max_momentum", 0.95),
    });
  }
  throw new Error(`lr.json: expected StepLR, MultiStepLR or OneCycleLR but found ${name}`);
}
