/**
 * `--dry_run`: all that can be said of a training before it computes anything. What is loaded was shown already (see
 * `start/open.ts`); here follow data and steps, optimizer groups, the curve of the learning rate, the size of a bundle, and
 * the memory of a step, measured by doing one on a device that computes nothing and counts.
 */

import type { DataConfig, RunUi } from "../config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { type Batch, type CocoDataset, resizedSize, type Target, type TransformStep } from "../data/mod.ts";
import { formatBytes } from "../logs/format_bytes.ts";
import { withoutAliases } from "./records/bundle_state.ts";
import type { RunData } from "./proof/data_record.ts";
import type { TrainingSession } from "./session.ts";
import { evaluationsLeft } from "./evaluation_plan.ts";
import { transformsOf } from "../data/configured_transforms.ts";

/** Rows of the learning-rate curve that are worth printing. */
const MOST_ROWS = 24;

/** Prints the plan of a session that stands where its run would start. Its numbers mean nothing. */
export async function showDryRun(
  session: TrainingSession,
  { sets, ui }: { readonly sets: RunData; readonly ui: RunUi },
): Promise<void> {
  showSteps(session, { sets, ui });
  showGroups(session, ui);
  showRates(session, ui);
  showBundle(session, ui);
  await showMemory(session, { sets, ui });
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

/** Bytes of the three parts of a bundle. */
function bundleBytes({ model, ema, groups, optimizer }: TrainingSession) {
  const bytes = (tensors: Iterable<{ readonly size: number }>) => [...tensors].reduce((sum, t) => sum + 4 * t.size, 0);
  const trained = bytes(groups.flatMap(({ parameters }) => parameters.map(([, parameter]) => parameter)));
  const weights = bytes(withoutAliases(model.stateDict()).tensors.values());
  return { weights, trained, moments: optimizer.moments.length * trained, average: ema ? weights : 0 };
}

function showBundle(session: TrainingSession, ui: RunUi): void {
  const { weights, moments, average } = bundleBytes(session);
  ui.say(
    `bundle: ${formatBytes(weights + moments + average)} before compression (weights ${
      formatBytes(weights)
    }, moments ` +
      `${formatBytes(moments)}${average > 0 ? `, average ${formatBytes(average)}` : ""})`,
  );
}

async function showMemory(
  session: TrainingSession,
  { sets: { train }, ui }: { readonly sets: RunData; readonly ui: RunUi },
): Promise<void> {
  const { config, device, progress } = session;
  const objects = mostObjects(train, config);
  const { weights, trained, moments, average } = bundleBytes(session);
  for (const { height, width } of largestBatches(session)) {
    device.resetPeak();
    await session.step(emptyBatch({ batch: config.batch_size, height, width, objects }));
    const fixed = weights + average + moments + trained;
    ui.say(
      `memory: ${formatBytes(device.memory.peak)} for a step with ${
        counted(config.batch_size, "image")
      } of ${height} x ${width} ` +
        `(weights ${formatBytes(weights)}, gradients ${formatBytes(trained)}, moments ${formatBytes(moments)}` +
        `${average > 0 ? `, average ${formatBytes(average)}` : ""}, ` +
        `activations ${formatBytes(device.memory.peak - fixed)})`,
    );
  }
  session.progress = progress;
}

/** The most objects that a sample may have: as many as any image, from every image that may be mixed. */
function mostObjects(train: CocoDataset, config: DataConfig): number {
  const most = Math.max(...Array.from({ length: train.length }, (_, i) => train.entry(i).objects.length));
  // An image may be its own partner.
  const images = (config.aug_mosaic > 0 ? 4 : 1) + Number(config.aug_copy_paste > 0) + Number(config.aug_mixup > 0);
  return images * most;
}

interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * The largest images that augmentation allows (crops, whose sides are drawn, left out): one size for all, and, where that
 * is more, the padded size of the tallest and the widest together.
 */
function largestBatches({ config }: TrainingSession): ImageSize[] {
  const resizes = transformsOf(config, true).steps.flatMap(resizesOf);
  const [short, long] = [Math.max(...config.data_aug_scales), config.data_aug_max_size];
  const longest = [{ width: long, height: short }, { width: short, height: long }];
  const resized = longest.flatMap((image) => resizes.map((resize) => resize(image)));
  const largest = resized.reduce((a, b) => a.width * a.height >= b.width * b.height ? a : b);
  const padded = resized.reduce((a, b) => ({
    width: Math.max(a.width, b.width),
    height: Math.max(a.height, b.height),
  }));
  const isLarger = padded.width > largest.width || padded.height > largest.height;
  return config.batch_size > 1 && isLarger ? [largest, padded] : [largest];
}

/** What a step may make of an image's size: one function for each size that it may draw. */
function resizesOf(step: TransformStep): ((image: ImageSize) => ImageSize)[] {
  switch (step.kind) {
    case "resize":
      return step.sizes.map((_, choice) => (image) => resizedSize(image, step, choice));
    case "select":
      return [...step.first, ...step.second].flatMap(resizesOf);
    case "oneOf":
      return step.steps.flatMap(resizesOf);
    default:
      return [];
  }
}

/** A batch of nothing, with as many objects in every image as any image has. */
function emptyBatch({ batch, height, width, objects }: {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly objects: number;
}): Batch {
  const target = (imageId: number): Target => ({
    imageId,
    boxes: new Float32Array(4 * objects).fill(0.5),
    labels: new Int32Array(objects),
    area: new Float32Array(objects),
    iscrowd: new Uint8Array(objects),
    originalSize: [height, width],
    size: [height, width],
  });
  return {
    images: new Float32Array(batch * 3 * height * width),
    mask: new Uint8Array(batch * height * width),
    shape: [batch, 3, height, width],
    targets: Array.from({ length: batch }, (_, i) => target(i)),
    nextSample: batch,
  };
}

const short = (value: number) => String(Number(value.toPrecision(4)));
