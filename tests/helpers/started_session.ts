/** A training session that has started as `train` would start it, without a data set and without a step. */
import type { TrainOptions } from "../../detector/config/mod.ts";
import { TrainingSession } from "../../detector/train/session.ts";
import type { StartPlan } from "../../detector/train/start/common.ts";
import { openStart } from "../../detector/train/start/open.ts";
import { onCpu } from "./on_cpu.ts";
import { TINY_CLASSES } from "./tiny_model.ts";
import { TestUi, tinyTrainOptions } from "./tiny_training.ts";

export interface Started {
  readonly session: TrainingSession;
  readonly plan: StartPlan;
  /** What was said on the way. */
  readonly ui: TestUi;
}

/** Starts with epochs of three steps, runs the test, and cleans up. */
export async function withStarted(
  changes: Partial<TrainOptions>,
  test: (started: Started) => void | Promise<void>,
  { classes = TINY_CLASSES }: { readonly classes?: typeof TINY_CLASSES } = {},
): Promise<void> {
  await onCpu(async (device) => {
    const ui = new TestUi();
    await using start = await openStart(tinyTrainOptions({ outputDir: "", cocoPath: "", config: null }, changes), ui);
    const { config, seed, freeze } = start;
    const session = new TrainingSession({ device, config, seed, freeze, stepsPerEpoch: 3, classes });
    const plan = await start.plan(session);
    plan.show(ui);
    await plan.apply();
    await test({ session, plan, ui });
    session.dispose();
  });
}
