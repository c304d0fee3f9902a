/**
 * The golden of the learning-rate schedules: PyTorch's rates, step by step, from `lr.json` alone.
 */

import { multiStepLR, oneCycleLR, type Schedule, stepLR } from "../../engine/optim/mod.ts";

interface ScheduleGolden {
  readonly args: Readonly<Record<string, number | number[] | boolean | string>>;
  readonly lr: readonly (readonly [main: number, backbone: number, beta1: number])[];
}

interface LrGolden {
  readonly lr: number;
  readonly lr_backbone: number;
  readonly schedules: Readonly<Record<string, ScheduleGolden>>;
}

export interface GoldenResult {
  readonly golden: string;
  readonly case: string;
  readonly ok: boolean;
  /** The worst error as a multiple of the tolerance. */
  readonly ratio: number;
}

/** Relative, as the goldens' README asks. */
const TOLERANCE = 1e-12;

/** Compares every schedule of the file. */
export function runLrGolden(text: string): GoldenResult[] {
  const golden: LrGolden = JSON.parse(text);
  return Object.entries(golden.schedules).filter(([, { lr }]) => lr !== undefined).map(([name, { args, lr }]) => {
    const [main, backbone] = [golden.lr, golden.lr_backbone].map((initial) => scheduleOf(name, initial, args));
    let worst = 0;
    lr.forEach(([expectedMain, expectedBackbone, expectedBeta], at) => {
      const now = main(at);
      worst = Math.max(
        worst,
        relative(now.learningRate, expectedMain),
        relative(backbone(at).learningRate, expectedBackbone),
        relative(now.momentum ?? expectedBeta, expectedBeta),
      );
    });
    const ratio = worst / TOLERANCE;
    return { golden: "lr.json", case: name, ok: lr.length > 0 && ratio <= 1, ratio };
  });
}

const relative = (found: number, expected: number) => Math.abs(found - expected) / Math.abs(expected);

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
