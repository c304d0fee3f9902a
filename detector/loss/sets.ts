/**
 * The sets of predictions that get losses, each with its matches: read from the device in one batch of downloads, matched
 * on the host, together with the numbers that are only logged.
 */

import type { TensorData } from "../../engine/dtype.ts";
import type { DenoisingOutputs, DinoOutputs, Predictions } from "../model/outputs.ts";
import { type Match, match, type MatcherOptions, type MatchTarget } from "./matcher.ts";

export interface LossSet {
  /** "final", "aux0", …, "interm", "dn.final", "dn.aux0", … */
  readonly name: string;
  /** What the official names of its losses end with. */
  readonly suffix: string;
  readonly predictions: Predictions;
  readonly matches: readonly Match[];
  /** Losses are divided by the number of boxes times this. */
  readonly groups: number;
  /** Numbers for the log. */
  readonly logged: Readonly<Record<string, number>>;
}

type Unmatched = Pick<LossSet, "name" | "suffix" | "predictions">;

/**
 * @returns all sets, and the suffixes of denoising losses that are constant zeros
 */
export async function collectSets(
  outputs: DinoOutputs,
  targets: readonly MatchTarget[],
  options: { readonly matcher: MatcherOptions; readonly training?: boolean },
): Promise<{ sets: LossSet[]; zeros: string[] }> {
  const denoising = options.training === false ? undefined : outputs.denoising;
  const noised = denoising?.predictions;
  const matching: Unmatched[] = [
    { name: "final", suffix: "", predictions: outputs },
    ...outputs.auxOutputs.map((predictions, i) => ({ name: `aux${i}`, suffix: `_${i}`, predictions })),
    { name: "interm", suffix: "_interm", predictions: outputs.intermOutputs },
  ];
  const restoring: Unmatched[] = noised
    ? [
      { name: "dn.final", suffix: "_dn", predictions: noised },
      ...noised.auxOutputs.map((predictions, i) => ({ name: `dn.aux${i}`, suffix: `_dn_${i}`, predictions })),
    ]
    : [];
  const read = (sets: readonly Unmatched[]) => sets.map(({ predictions }) => predictions.predLogits.data());
  const [logits, boxes, noisedLogits] = await Promise.all([
    Promise.all(read(matching)),
    Promise.all(matching.map(({ predictions }) => predictions.predBoxes.data())),
    Promise.all(read(restoring)),
  ]);
  const sets = matching.map((set, s): LossSet => {
    const matches = matchImages(set.predictions, { logits: logits[s], boxes: boxes[s] }, targets, options.matcher);
    const logged = {
      ...(set.name === "final" ? { class_error: classError(set.predictions, logits[s], targets, matches) } : {}),
      cardinality_error: cardinalityError(set.predictions, logits[s], targets),
    };
    return { ...set, matches, groups: 1, logged };
  });
  const known = denoising && noised ? knownMatches(denoising, targets) : [];
  const knownSets = restoring.map((set, s): LossSet => ({
    ...{ ...set, matches: known, groups: denoising?.groups ?? 1 },
    logged: { cardinality_error: cardinalityError(set.predictions, noisedLogits[s], targets) },
  }));
  const zeros = noised ? [] : ["_dn", ...outputs.auxOutputs.map((_, i) => `_dn_${i}`)];
  return { sets: [...sets, ...knownSets], zeros };
}

function matchImages(
  { predLogits: { shape: [batch, queries, classes] } }: Predictions,
  { logits, boxes }: { readonly logits: TensorData; readonly boxes: TensorData },
  targets: readonly MatchTarget[],
  options: MatcherOptions,
): Match[] {
  const part = (data: TensorData, image: number, width: number) =>
    data.subarray(image * queries * width, (image + 1) * queries * width);
  return Array.from({ length: batch }, (_, image) =>
    match(
      { logits: part(logits, image, classes), boxes: part(boxes, image, 4), queries, classes },
      targets[image],
      options,
    ));
}

/** A denoising query's object is known: in every group the positives come first, in the order of the objects. */
function knownMatches({ padSize, groups }: DenoisingOutputs, targets: readonly MatchTarget[]): Match[] {
  const groupSize = padSize / groups;
  return targets.map(({ labels: { length } }) => ({
    queries: Int32Array.from({ length: groups * length }, (_, i) => Math.floor(i / length) * groupSize + i % length),
    objects: Int32Array.from({ length: groups * length }, (_, i) => i % length),
  }));
}

function largestOf(logits: TensorData, row: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) if (logits[row * classes + c] > logits[row * classes + best]) best = c;
  return best;
}

/** The percentage of matched queries whose best class is not their object's; 100 where nothing is matched. */
function classError(
  { predLogits: { shape: [, queries, classes] } }: Predictions,
  logits: TensorData,
  targets: readonly MatchTarget[],
  matches: readonly Match[],
): number {
  let right = 0, all = 0;
  matches.forEach(({ queries: matched, objects }, image) => {
    matched.forEach((query, k) => {
      all++;
      if (largestOf(logits, image * queries + query, classes) === targets[image].labels[objects[k]]) right++;
    });
  });
  return 100 - (all === 0 ? 0 : (100 * right) / all);
}

/** How far the number of queries whose best class is not the last one is from the number of objects, on average. */
function cardinalityError(
  { predLogits: { shape: [batch, queries, classes] } }: Predictions,
  logits: TensorData,
  targets: readonly MatchTarget[],
): number {
  let error = 0;
  for (let image = 0; image < batch; image++) {
    let predicted = 0;
    for (let query = 0; query < queries; query++) {
      if (largestOf(logits, image * queries + query, classes) !== classes - 1) predicted++;
    }
    error += Math.abs(predicted - targets[image].labels.length);
  }
  return error / batch;
}
