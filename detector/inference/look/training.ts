/**
 * What a training step would do with an image whose objects are known: which query is matched with which object, and what
 * becomes of the denoising queries.
 */
import { withoutGradient } from "../../../engine/autograd.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scoped } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import type { DinoConfig, TrainingLookKind } from "../../config/mod.ts";
import { transformsOf } from "../../data/configured_transforms.ts";
import { type Image, prepareForInference } from "../../data/mod.ts";
import type { Drawing, DrawingScale } from "../../draw/overlay.ts";
import { type HostPredictions, match, matchingCosts, type MatchTarget } from "../../loss/matcher.ts";
import { matcherOptions } from "../../loss/criterion.ts";
import type { Dino } from "../../model/mod.ts";
import { colourOf, link, mark, outline } from "./marks.ts";

/** A forward pass as in training, on the host. */
interface TrainingView {
  readonly target: MatchTarget;
  /** The predictions of the matching queries of the last layer. */
  readonly predictions: HostPredictions;
  /** Queries of the denoising part; 0 where the configuration has none, or the image has no object. */
  readonly padSize: number;
  readonly groups: number;
  /** `[padSize, 4]`: the noised boxes, and what the last layer made of them. */
  readonly noised: Float64Array;
  readonly restored: Float64Array;
  /** `[padSize]`: the best score of each. */
  readonly scores: Float64Array;
}

/** Runs the model on an image as a training step would, but for dropout. */
export async function lookAtTraining(
  model: Dino,
  { image, target }: { readonly image: Image; readonly target: MatchTarget },
  { config, seed = 1 }: { readonly config: DinoConfig; readonly seed?: number },
): Promise<TrainingView> {
  return await scoped(async () => {
    const { pixels, shape: [channels, height, width] } = prepareForInference(image, transformsOf(config, false));
    const images = tensor(model.device, pixels, [1, channels, height, width]);
    let first: Promise<ArrayLike<number>> | undefined;
    model.evaluate().training = true; // denoising queries are made, and nothing is dropped
    const outputs = withoutGradient(() =>
      model.forward({
        images,
        mask: new Uint8Array(height * width),
        auxiliary: false,
        denoising: { targets: [target], random: RandomStream.named(seed, "look") },
        trace: (name, each) => {
          if (name === "reference") first ??= each.data();
        },
      })
    );
    model.evaluate();
    const noise = outputs.denoising;
    const padSize = noise?.padSize ?? 0;
    const [logits, boxes] = await Promise.all([outputs.predLogits.data(), outputs.predBoxes.data()]);
    const noised = Float64Array.from(await first ?? []).subarray(0, 4 * padSize);
    const restored = Float64Array.from(await noise?.predictions?.predBoxes.data() ?? []);
    const restoredLogits = await noise?.predictions?.predLogits.data() ?? new Float32Array();
    const [, queries, classes] = outputs.predLogits.shape;
    return {
      ...{ target, padSize, groups: noise?.groups ?? 0, noised, restored },
      predictions: { logits, boxes, queries, classes },
      scores: Float64Array.from(
        { length: padSize },
        (_, query) => 1 / (1 + Math.exp(-Math.max(...restoredLogits.subarray(query * classes, (query + 1) * classes)))),
      ),
    };
  });
}

/** The drawing of a kind, for an image of a size. */
export function trainingParts(
  kind: TrainingLookKind,
  view: TrainingView,
  { config, nameOf }: { readonly config: DinoConfig; readonly nameOf: (label: number) => string },
): (size: DrawingScale) => Drawing {
  return (size) => kind === "matches" ? matches(view, config, nameOf, size) : denoising(view, size);
}

const boxOf = (boxes: ArrayLike<number>, at: number) => Array.from({ length: 4 }, (_, k) => boxes[4 * at + k]);

/** Objects in white, the query that answers for each in a colour, and what the pair costs. */
function matches(
  { target, predictions }: TrainingView,
  ...[config, nameOf, size]: [config: DinoConfig, nameOf: (label: number) => string, size: DrawingScale]
): Drawing {
  const options = matcherOptions(config);
  const costs = matchingCosts(predictions, target, options);
  const found = match(predictions, target, options);
  const line = Math.max(1.5, size.font / 9);
  const count = target.labels.length;
  const parts = [...found.queries].flatMap((query, at) => {
    const object = found.objects[at];
    const [goal, box] = [boxOf(target.boxes, object), boxOf(predictions.boxes, query)];
    return [
      outline(goal, { colour: "#fff", line: 1.4 * line }, size),
      outline(box, { colour: colourOf(at), line, dash: "7 4" }, size),
      link([[goal[0], goal[1]], [box[0], box[1]]], { colour: colourOf(at), line }, size),
      mark({ x: box[0], y: box[1], level: 0, radius: size.font * 0.2, fill: colourOf(at) }, size),
    ];
  });
  const lines = [...found.queries].slice(0, 6).map((query, at) => {
    const object = found.objects[at];
    return `${nameOf(target.labels[object])}: query ${query}, cost ${costs[query * count + object].toFixed(2)}`;
  });
  const rest = found.queries.length > lines.length ? [`and ${found.queries.length - lines.length} more`] : [];
  return {
    marks: [
      ...parts,
    ],
    caption: ["objects in white, the queries that are matched with them dashed", ...lines, ...rest],
  };
}

/** So many groups are drawn: more hide the image. */
const MOST_GROUPS = 3;

/** Objects in white; near copies dashed and what was restored of them, in a colour by group; far copies in orange. */
function denoising({ target, padSize, groups, noised, restored, scores }: TrainingView, size: DrawingScale): Drawing {
  const line = Math.max(1, size.font / 11);
  const count = target.labels.length;
  const objects = Array.from(
    { length: count },
    (_, object) => outline(boxOf(target.boxes, object), { colour: "#fff", line: 2 * line }, size),
  );
  if (padSize === 0) {
    return { marks: objects, caption: ["no denoising queries: the image has no object, or dn_number is 0"] };
  }
  const parts: string[] = [];
  const [near, far]: [number[], number[]] = [[], []];
  const groupSize = padSize / groups;
  for (let slot = 0; slot < padSize; slot++) {
    const group = Math.floor(slot / groupSize);
    const isFar = slot % groupSize >= groupSize / 2;
    (isFar ? far : near).push(scores[slot]);
    if (group >= MOST_GROUPS) continue;
    const colour = isFar ? "#ff9c3d" : colourOf(group + 1);
    parts.push(outline(boxOf(noised, slot), { colour, line, opacity: 0.7, dash: isFar ? "2 4" : "6 4" }, size));
    if (!isFar) parts.push(outline(boxOf(restored, slot), { colour, line: 1.6 * line }, size));
  }
  const mean = (values: readonly number[]) =>
    (values.reduce((sum, x) => sum + x, 0) / Math.max(1, values.length)).toFixed(2);
  return {
    marks: [
      ...parts,
      ...objects,
    ],
    caption: [
      `${groups} denoising groups, ${
        Math.min(groups, MOST_GROUPS)
      } drawn: near copies dashed, what became of them solid`,
      `mean score of near copies ${mean(near)}, of far ones (orange, dotted; to be rejected) ${mean(far)}`,
    ],
  };
}
