/**
 * `--dry_run`: all that can be said of a training before it computes anything. What is loaded was shown already (see
 * `start/open.ts`); here follow data and steps, optimizer groups, the curve of the learning rate, the size of a bundle, and
 * the memory of a step, measured by doing one on a device that computes nothing and counts.
 */

import type { RunUi } from "../config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { formatBytes } from "../logs/format_bytes.ts";
import type { RunData } from "./proof/data_record.ts";
import { type MemoryOptions, RunMemory } from "./run_memory.ts";
import type { TrainingSession } from "./session.ts";
import { largestImages, mostObjects, stateBytes, StepMemory } from "./step_memory.ts";
import { evaluationsLeft } from "./evaluation_plan.ts";

interface PlanShown {
  readonly sets: RunData;
  readonly ui: RunUi;
  readonly options: MemoryOptions;
}

/** Rows of the learning-rate curve that are worth printing. */
const MOST_ROWS = 24;

/** Prints the plan of a session that stands where its run would start. Its numbers mean nothing. */
export async function showDryRun(session: TrainingSession, { sets, ui, options }: PlanShown): Promise<void> {
  showSteps(session, { sets, ui });
  showGroups(session, ui);
  showRates(session, ui);
  showBundle(session, ui);
  await showMemory(session, { sets, ui, options });
  ui.say("dry run: nothing was computed and no file was written");
}

function showSteps({ config, stepsPerEpoch, rates, progress }: TrainingSession, { sets, ui }: {
  readonly sets: RunData;
  readonly ui: RunUi;
}): void {
  const { train, val } = sets;
  const left = Math.max(0, rates.totalSteps - progress.step);
  ui.say(
    `data: ${counted(train.length, "training image")}, ${counted(val.length, "validation image")}, ` +
      `${counted(train.categories.length, "class", "classes")}: ` +
      train.categories.map(({ name }) => name).join(", "),
  );
  ui.say(
    `steps: ${stepsPerEpoch} per epoch of batches of ${config.batch_size}; ${rates.totalSteps} in all, ${left} left ` +
      `from epoch ${progress.epoch}, step ${progress.step}`,
  );
  const epochs = Math.min(config.epochs, Math.ceil(rates.totalSteps / stepsPerEpoch));
  const { eval_every: every, patience } = config;
  ui.say(
    `evaluations: ${evaluationsLeft(config, progress.epoch, epochs)}, after ` +
      `${every === 1 ? "every epoch" : `every ${every} epochs and the last`}` +
      `${patience === null ? "" : `; the run ends after ${patience} without a better AP`}`,
  );
}

function showGroups({ groups, model, config }: TrainingSession, ui: RunUi): void {
  const count = (parameters: readonly (readonly [string, { readonly size: number }])[]) =>
    parameters.reduce((sum, [, { size }]) => sum + size, 0);
  const fixed = [...model.parameters()].filter(([, { requiresGrad }]) => !requiresGrad);
  ui.say(`optimizer: ${config.optimizer}, gradients clipped at ${config.clip_max_norm}`);
  ui.table(["group", "parameters", "numbers", "learning rate", "weight decay"], [
    ...groups.map(({ name, parameters, learningRate, weightDecay }) => [
      name,
      parameters.length,
      count(parameters),
      short(learningRate),
      short(weightDecay),
    ]),
    ["(not trained)", fixed.length, count(fixed), "-", "-"],
  ]);
}

function showRates({ groups, rates, stepsPerEpoch, progress, config }: TrainingSession, ui: RunUi): void {
  const last = rates.totalSteps - 1;
  const epochStarts = Array.from({ length: config.epochs }, (_, epoch) => epoch * stepsPerEpoch);
  // Where a rate is told apart from its neighbours: starts of epochs, the end of a warm-up, a fall between epochs.
  const falls = config.lr_drop_fraction === null ? [] : [Math.round(config.lr_drop_fraction * rates.totalSteps)];
  const steps = [...new Set([progress.step, config.warmup_steps - 1, ...epochStarts, ...falls, last])]
    .filter((step) => step >= progress.step && step <= last).sort((a, b) => a - b);
  const rows = steps.map((step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    const { learningRates, momentum } = rates.at({ ...progress, epoch, step });
    return [epoch, step, ...learningRates.map(short), ...(momentum === undefined ? [] : [short(momentum)])];
  });
  const told = rows.filter((row, i) => {
    const isLike = (other: readonly (string | number)[] | undefined) => other?.slice(2).join() === row.slice(2).join();
    return i === rows.length - 1 || !isLike(rows[i - 1]);
  });
  const stride = Math.ceil(told.length / MOST_ROWS);
  const beta = rates.at(progress).momentum === undefined ? [] : ["beta1"];
  ui.table(
    ["epoch", "from step", ...groups.map(({ name }) => name), ...beta],
    told.filter((_, i) => i % stride === 0 || i === told.length - 1),
  );
}

function showBundle(session: TrainingSession, ui: RunUi): void {
  const { weights, moments, average } = stateBytes(session);
  ui.say(
    `bundle: ${formatBytes(weights + moments + average)} before compression (weights ${
      formatBytes(weights)
    }, moments ` +
      `${formatBytes(moments)}${average > 0 ? `, average ${formatBytes(average)}` : ""})`,
  );
}

async function showMemory(
  session: TrainingSession,
  { sets: { train }, ui, options }: PlanShown,
): Promise<void> {
  const { config: { batch_size: batch } } = session;
  const memory = new StepMemory(session);
  const objects = mostObjects(train, session.config);
  const { weights, trained, moments, average } = stateBytes(session);
  for (const { height, width } of largestImages(session.config)) {
    const peak = await memory.peak({ batch, height, width, objects });
    const fixed = weights + average + moments + trained;
    ui.say(
      `memory: ${formatBytes(peak)} for a step with ${counted(batch, "image")} of ${height} x ${width} ` +
        `(weights ${formatBytes(weights)}, gradients ${formatBytes(trained)}, moments ${formatBytes(moments)}` +
        `${average > 0 ? `, average ${formatBytes(average)}` : ""}, ` +
        `activations ${formatBytes(peak - fixed)})`,
    );
  }
  const run = new RunMemory({ config: session.config, train, freeze: session.freeze, options });
  try {
    const { width, height } = run.image;
    ui.say(
      `memory: about ${
        formatBytes(await run.process(batch))
      } for the whole program on a CPU; this data comes in batches ` +
        `of up to ${height} x ${width}`,
    );
  } finally {
    run[Symbol.dispose]();
  }
}

const short = (value: number) => String(Number(value.toPrecision(4)));
