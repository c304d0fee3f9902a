/** Whole models in evaluation: everything between image and detections. */

import { withoutGradient } from "../../engine/autograd.ts";
import type { Device } from "../../engine/device/device.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { describeLevels } from "../../detector/model/levels.ts";
import type { Dino } from "../../detector/model/dino.ts";
import { type DinoOutputs, postprocess, type Predictions } from "../../detector/model/mod.ts";
import { compareTensor, entryTolerance, type Expected, Worst } from "./compare.ts";
import { batchOf, type ModelGolden, modelOf } from "./golden_models.ts";

interface ExpectedPredictions {
  readonly pred_logits: Expected;
  readonly pred_boxes: Expected;
}

export interface FullGolden extends ModelGolden {
  readonly expected: ExpectedPredictions & {
    readonly features: Readonly<Record<string, Expected>>;
    readonly topk_indices: Expected;
    readonly hs: readonly Expected[];
    readonly references: readonly Expected[];
    readonly aux_outputs: readonly ExpectedPredictions[];
    readonly interm_outputs: ExpectedPredictions;
    readonly interm_outputs_for_matching_pre: ExpectedPredictions;
  };
  readonly postprocess_top20?: readonly { scores: number[]; labels: number[]; boxes: number[] }[];
  readonly postprocess_top20_sizes_hw?: readonly (readonly [number, number])[];
}

/** How near two selected scores must be to count as a tie; the goldens' README. */
const TIE = 2e-5;

/** `make` builds the model: by default with the golden's weights under their official names. */
export async function runFullGolden(golden: FullGolden, device: Device, make = modelOf): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  const model = make(device, golden).evaluate();
  const seen = new Map<string, Tensor[]>();
  const forward = (selection?: Int32Array): DinoOutputs => {
    seen.clear();
    return withoutGradient(() =>
      model.forward({
        ...batchOf(device, golden),
        selection,
        trace: (name, tensor) => seen.set(name, [...(seen.get(name) ?? []), tensor.alias().detached()]),
      })
    );
  };
  try {
    let outputs = forward();
    const expectedOrder = (golden.expected.topk_indices.data ?? []).map(Number);
    const order = Array.from(await seen.get("selected")![0].data());
    worst.equal("topk_indices size", [order.length], [expectedOrder.length]);
    worst.compared(golden.expected.topk_indices);
    if (expectedOrder.some((token, i) => token !== order[i])) {
      await checkTies(worst, { golden, scores: seen.get("tokenScores")![0], order, expectedOrder });
      outputs = forward(Int32Array.from(expectedOrder));
    }
    await compareFeatures(worst, { golden, model, seen });
    const compare = async (where: string, { predLogits, predBoxes }: Predictions, expected: ExpectedPredictions) => {
      compareTensor(worst, `${where} logits`, { got: await predLogits.data(), expected: expected.pred_logits });
      compareTensor(worst, `${where} boxes`, { got: await predBoxes.data(), expected: expected.pred_boxes });
    };
    await compare("pred", outputs, golden.expected);
    for (const [i, expected] of golden.expected.aux_outputs.entries()) {
      await compare(`aux_outputs[${i}]`, outputs.auxOutputs[i], expected);
    }
    await compare("interm_outputs", outputs.intermOutputs, golden.expected.interm_outputs);
    const before = golden.expected.interm_outputs_for_matching_pre;
    await compare("interm_outputs_for_matching_pre", outputs.intermOutputsForMatchingPre, before);
    for (const [i, expected] of golden.expected.hs.entries()) {
      compareTensor(worst, `hs[${i}]`, { got: await seen.get("hidden")![i].data(), expected });
    }
    for (const [i, expected] of golden.expected.references.entries()) {
      compareTensor(worst, `references[${i}]`, { got: await seen.get("reference")![i].data(), expected });
    }
    await compareDetections(worst, golden, outputs);
    worst.requireAll(golden);
    return worst;
  } finally {
    for (const tensor of [...seen.values()].flat()) tensor.dispose();
    model.dispose();
  }
}

async function checkTies(
  worst: Worst,
  call: { golden: FullGolden; scores: Tensor; order: readonly number[]; expectedOrder: readonly number[] },
): Promise<void> {
  const scores = await call.scores.data();
  const [batch, tokens] = call.scores.shape;
  const queries = call.order.length / batch;
  call.order.forEach((token, i) => {
    const base = Math.floor(i / queries) * tokens;
    const [own, theirs] = [scores[base + token], scores[base + call.expectedOrder[i]]];
    worst.within("topk_indices", own, { value: theirs, tolerance: TIE });
  });
}

async function compareFeatures(
  worst: Worst,
  { golden, model, seen }: { golden: FullGolden; model: Dino; seen: Map<string, Tensor[]> },
): Promise<void> {
  const { features } = golden.expected;
  const names = {
    ...{ src_flatten: "sources", pos: "positions", memory: "memory", output_memory: "outputMemory" },
    ...{ output_proposals: "outputProposals", enc_class_max: "tokenScores" },
  };
  for (const [field, name] of Object.entries(names)) {
    if (!features[field]) continue;
    compareTensor(worst, field, { got: await seen.get(name)![0].data(), expected: features[field] });
  }
  const [memory, proposals] = [seen.get("outputMemory")![0], seen.get("outputProposals")![0]];
  if (features.enc_coord) {
    const boxes = withoutGradient(() => model.transformer.encOutBboxEmbed.forward(memory).add(proposals));
    compareTensor(worst, "enc_coord", { got: await boxes.data(), expected: features.enc_coord });
  }
  const shapes = (features.spatial_shapes?.data ?? []).map(Number);
  const pairs = Array.from({ length: shapes.length / 2 }, (_, l) => [shapes[2 * l], shapes[2 * l + 1]] as const);
  const tokens = pairs.reduce((sum, [levelHeight, levelWidth]) => sum + levelHeight * levelWidth, 0);
  worst.equal("spatial_shapes", [tokens], [memory.shape[1]]); // their order shows in the masks and positions
  worst.compared(features.spatial_shapes);
  const { mask, images } = batchOf(memory.device, golden);
  const [batch, , height, width] = images.shape;
  const levels = describeLevels({ data: mask, batch, height, width }, pairs);
  compareTensor(worst, "valid_ratios", { got: levels.validRatios, expected: features.valid_ratios });
  compareTensor(worst, "mask_flatten", { got: levels.padding, expected: features.mask_flatten });
}

/**
 * The best detections. A score is the sigmoid of a logit, whose slope is at most 1/4; a corner in pixels is a centre and
 * half a size, times the image's. A float32 result also rounds a few times, 2^-24 each.
 */
async function compareDetections(worst: Worst, golden: FullGolden, outputs: DinoOutputs): Promise<void> {
  const { postprocess_top20: expected, postprocess_top20_sizes_hw: sizes } = golden;
  if (!expected || !sizes) return;
  const found = await postprocess(outputs, sizes, { numSelect: expected[0].scores.length });
  const logits = entryTolerance(golden.expected.pred_logits), boxes = entryTolerance(golden.expected.pred_boxes);
  const [ofScore, ofBox] = [logits / 4 + 4 * 2 ** -24, 1.5 * boxes + 4 * 2 ** -24];
  expected.forEach((top, image) => {
    worst.equal(`top labels of image ${image}`, found[image].labels, top.labels);
    worst.equal("top sizes", [found[image].scores.length, found[image].boxes.length], [
      top.scores.length,
      top.boxes.length,
    ]);
    top.scores.forEach((value, k) =>
      worst.within(`top score ${k}`, found[image].scores[k], { value, tolerance: ofScore })
    );
    const tolerance = ofBox * Math.max(...sizes[image]);
    top.boxes.forEach((value, k) => worst.within(`top box ${k}`, found[image].boxes[k], { value, tolerance }));
  });
}
