/**
 * Contrastive denoising (DINO, section 3.3): in training, some queries start from the true boxes and labels with noise.
 * Each group holds every object twice: once moved a little (the model must restore it) and once moved further (the model
 * must reject it). Groups see neither each other nor are they seen by the matching queries.
 */

import { DinogradError } from "../../engine/errors.ts";
import { embedding } from "../../engine/ops/gather.ts";
import type { RandomStream } from "../../engine/random.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { BOX_LOGIT_EPSILON } from "./decoder.ts";
import { floatTensor } from "./levels.ts";
import type { DenoisingOptions } from "./options.ts";

/**
 * An image's labels [objects] and boxes [objects, 4] (cx, cy, w, h in 0..1).
 *
 * @category Model
 */
export interface DenoisingTarget {
  /** [n, 4]: centre x, centre y, width, height as fractions of the image. */
  readonly boxes: ArrayLike<number>;
  /** [n]: class indices, which are category ids. */
  readonly labels: ArrayLike<number>;
}

/**
 * Where the noise comes from. Called in this order, each at most once.
 *
 * @category Model
 */
export interface DenoisingDraws {
  /** `count` uniform numbers in [0, 1): whose label is redrawn. */
  labelNoise(count: number): ArrayLike<number>;
  /** `count` labels below `classes`, for those whose label is redrawn, in order. */
  newLabels(count: number, classes: number): ArrayLike<number>;
  /** `count` numbers 0 or 1: which way a corner's coordinate moves. */
  signs(count: number): ArrayLike<number>;
  /** `count` uniform numbers in [0, 1): how far it moves. */
  parts(count: number): ArrayLike<number>;
}

/** Noise from a random stream. */
export function randomDraws(random: RandomStream): DenoisingDraws {
  return {
    labelNoise: (count) => random.uniforms(new Float32Array(count)),
    newLabels: (count, classes) => Int32Array.from({ length: count }, () => random.int(classes)),
    signs: (count) => Uint8Array.from({ length: count }, () => random.int(2)),
    parts: (count) => random.uniforms(new Float32Array(count)),
  };
}

/** The noised queries of a batch, on the host. */
interface DenoisingPlan {
  readonly batch: number;
  /** Queries per image: groups times twice the largest number of objects in an image. */
  readonly padSize: number;
  readonly groups: number;
  /** [N, padSize]: rows of the label embedding; -1 in unused slots. */
  readonly labels: Int32Array;
  /** [N, padSize, 4]: logits of boxes; 0 in unused slots. */
  readonly boxLogits: Float64Array;
}

/** How many groups the official `dn_number` means for images of at most `largest` objects. */
function groupCount(number: number, largest: number): number {
  const doubled = number * 2;
  if (largest === 0) return 1;
  return Math.max(1, doubled >= 100 ? Math.floor(doubled / (largest * 2)) : doubled);
}

/** Chooses and noises the denoising queries of a batch. */
export function planDenoising(
  targets: readonly DenoisingTarget[],
  options: DenoisingOptions & { readonly classes: number },
  draws: DenoisingDraws,
): DenoisingPlan {
  const batch = targets.length;
  const largest = Math.max(0, ...targets.map(({ labels }) => labels.length));
  const groups = groupCount(options.number, largest);
  const padSize = largest * 2 * groups;
  const boxes = targets.flatMap((target) => Array.from(target.boxes));
  const labels = targets.flatMap((target) => Array.from(target.labels));
  const wrong = labels.find((label) => !(label >= 0 && label < options.classes));
  if (wrong !== undefined) {
    throw new DinogradError(
      "data",
      `denoising: expected labels below num_classes (${options.classes}) but found ${wrong}`,
    );
  }
  const total = labels.length;
  const repeats = 2 * groups;
  const noisyLabels = Int32Array.from({ length: total * repeats }, (_, i) => labels[i % total]);
  if (options.labelNoiseRatio > 0) redrawLabels(noisyLabels, options, draws);
  const noisyBoxes = Float64Array.from({ length: total * repeats * 4 }, (_, i) => boxes[i % (total * 4)]);
  if (options.boxNoiseScale > 0) moveBoxes(noisyBoxes, { total, scale: options.boxNoiseScale }, draws);

  const plan: DenoisingPlan = {
    ...{ batch, padSize, groups },
    labels: new Int32Array(batch * padSize).fill(-1),
    boxLogits: new Float64Array(batch * padSize * 4),
  };
  for (let repeat = 0, i = 0; repeat < repeats; repeat++) {
    targets.forEach((target, image) => {
      for (let object = 0; object < target.labels.length; object++, i++) {
        const slot = image * padSize + repeat * largest + object;
        plan.labels[slot] = noisyLabels[i];
        for (let k = 0; k < 4; k++) plan.boxLogits[4 * slot + k] = boxLogit(noisyBoxes[4 * i + k]);
      }
    });
  }
  return plan;
}

function boxLogit(value: number): number {
  const inside = Math.min(1, Math.max(0, value));
  return Math.log(Math.max(inside, BOX_LOGIT_EPSILON) / Math.max(1 - inside, BOX_LOGIT_EPSILON));
}

function redrawLabels(
  labels: Int32Array,
  { labelNoiseRatio, classes }: { readonly labelNoiseRatio: number; readonly classes: number },
  draws: DenoisingDraws,
): void {
  const noise = draws.labelNoise(labels.length);
  const chosen = [...labels.keys()].filter((i) => noise[i] < labelNoiseRatio * 0.5);
  const redrawn = draws.newLabels(chosen.length, classes);
  chosen.forEach((i, k) => labels[i] = redrawn[k]);
}

/** Moves all four sides by up to `scale` half widths or heights (positives), or between one and two times that. */
function moveBoxes(
  boxes: Float64Array,
  { total, scale }: { total: number; scale: number },
  draws: DenoisingDraws,
): void {
  const signs = draws.signs(boxes.length);
  const parts = draws.parts(boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const isNegative = Math.floor(i / 4 / total) % 2 === 1;
    const [x, y, width, height] = boxes.subarray(i, i + 4);
    const half = [width / 2, height / 2];
    const corners = [x - half[0], y - half[1], x + half[0], y + half[1]].map((corner, k) => {
      const part = (parts[i + k] + (isNegative ? 1 : 0)) * (signs[i + k] * 2 - 1);
      return Math.min(1, Math.max(0, corner + part * half[k % 2] * scale));
    });
    boxes.set([
      (corners[0] + corners[2]) / 2,
      (corners[1] + corners[3]) / 2,
      corners[2] - corners[0],
      corners[3] - corners[1],
    ], i);
  }
}

/** The plan's content [N, padSize, C] and box logits [N, padSize, 4] as tensors. `padSize` is not 0. */
export function denoisingQueries(
  plan: DenoisingPlan,
  labelEmbedding: Tensor,
): { content: Tensor; boxLogits: Tensor } {
  const { device } = labelEmbedding;
  const { batch, padSize, labels } = plan;
  const rows = tensor(device, labels.map((label) => Math.max(label, 0)), [batch, padSize]);
  const used = tensor(device, Float32Array.from(labels, (label) => label < 0 ? 0 : 1), [batch, padSize, 1]);
  return {
    content: embedding(labelEmbedding, rows).mul(used),
    boxLogits: floatTensor(device, plan.boxLogits, [batch, padSize, 4]),
  };
}

/**
 * Who may not see whom, [length, length] with length = padSize + queries: 1 where the query of the row may not see that of
 * the column. Matching queries see no denoising query; a denoising query sees its group and the matching queries.
 */
export function denoisingMask(
  { padSize, groups }: { readonly padSize: number; readonly groups: number },
  queries: number,
): Float32Array {
  const length = padSize + queries;
  const mask = new Float32Array(length * length);
  const groupSize = padSize / groups;
  for (let row = 0; row < length; row++) {
    mask.fill(1, row * length, row * length + padSize);
    if (row >= padSize) continue;
    const begin = row - row % groupSize;
    mask.fill(0, row * length + begin, row * length + begin + groupSize);
  }
  return mask;
}
