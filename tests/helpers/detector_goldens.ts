/** Goldens of the detector's functions and layers: its part of `modules.json`, `resnet.json` and `postprocess.json`. */

import type { Device } from "../../engine/device/device.ts";
import type { Module, ModuleContext } from "../../engine/nn/module.ts";
import { inverseSigmoid, maskedFill } from "../../engine/ops/elementwise.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { preset } from "../../detector/config/mod.ts";
import { pairwiseGiou } from "../../detector/loss/box_loss.ts";
import { boxAt, cornersOf } from "../../detector/data/boxes.ts";
import { dampedIou, generalizedIou } from "../../detector/loss/boxes.ts";
import { focalLossSum } from "../../detector/loss/focal.ts";
import { match, matchingCosts } from "../../detector/loss/matcher.ts";
import { buildBackbone } from "../../detector/model/backbone/build.ts";
import { DeformableDecoderLayer } from "../../detector/model/decoder.ts";
import { DeformableEncoderLayer } from "../../detector/model/encoder.ts";
import {
  type BatchMask,
  describeLevels,
  encoderReferencePoints,
  type FeatureLevels,
  floatTensor,
  levelsOf,
  paddingTensor,
} from "../../detector/model/levels.ts";
import { type DecoderStep, dinoModelOptions } from "../../detector/model/options.ts";
import { boxEmbedding, pixelEmbedding } from "../../detector/model/position_embedding.ts";
import { postprocess } from "../../detector/model/postprocess.ts";
import { encoderProposals } from "../../detector/model/proposals.ts";
import { compareTensor, type Expected, Worst } from "./compare.ts";
import { formula, type ParamRow, paramValues, type Spec } from "./formula.ts";

/** A case of any of these goldens; each runner reads the fields that its kind has. */
export interface DetectorCase {
  readonly id?: string;
  readonly inputs: Readonly<Record<string, Spec>>;
  readonly params?: readonly ParamRow[];
  readonly expected: Readonly<Record<string, Expected>>;
  readonly [field: string]: unknown;
}

type Pair = readonly [number, number];
/** Fields of a golden are what its README says. */
const numberIn = (golden: DetectorCase, field: string) => Number(golden[field]);
const pairsIn = (golden: DetectorCase, field: string) => golden[field] as readonly Pair[];
const context = (device: Device): ModuleContext => ({ device, random: RandomStream.named(0, "goldens") });

function load<M extends Module>(module: M, golden: DetectorCase): M {
  module.loadStateDict(paramValues(golden.params ?? []));
  return module;
}

/** Swaps [length, batch, …] and [batch, length, …]. */
const swapped = (x: Tensor) => x.permute([1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);

/** An input that collects its gradient, batch first. */
function leaf(device: Device, spec: Spec, swap = false): Tensor {
  const made = tensor(device, formula(spec), spec.shape);
  const turned = swap ? swapped(made) : made;
  turned.requiresGrad = true;
  return turned;
}

/** Compares an output, then the gradients of sum(output · grad_output). */
async function compareCase(
  worst: Worst,
  golden: DetectorCase,
  call: {
    readonly output: Tensor;
    readonly inputs: Readonly<Record<string, Tensor>>;
    readonly module?: Module;
    readonly swap?: boolean;
  },
): Promise<void> {
  const { output, inputs, module, swap = false } = call;
  const elements = (x: Tensor) => (swap && x.rank > 2 ? swapped(x.detach()) : x).data();
  compareTensor(worst, "output", { got: await elements(output), expected: golden.expected.output });
  const spec = golden.inputs.grad_output;
  const made = tensor(output.device, formula(spec), spec.shape);
  output.mul((swap ? swapped(made) : made).reshape(output.shape)).sum().backward();
  const state = module?.stateDict();
  for (const [name, expected] of Object.entries(golden.expected)) {
    if (!name.startsWith("grad_")) continue;
    const source = name.startsWith("grad_param:") ? state?.get(name.slice(11)) : inputs[name.slice(5)];
    if (!source) throw new Error(`goldens: expected a tensor for ${name} but found none`);
    const got = source.grad ? await elements(source.grad) : new Float32Array(source.size);
    compareTensor(worst, name, { got, expected });
  }
  for (const input of Object.values(inputs)) input.grad?.dispose();
  module?.dispose();
}

function maskOf(sizes: readonly Pair[], [height, width]: Pair): BatchMask {
  const data = new Uint8Array(sizes.length * height * width).fill(1);
  sizes.forEach(([h, w], n) => {
    for (let y = 0; y < h; y++) data.fill(0, (n * height + y) * width, (n * height + y) * width + w);
  });
  return { data, batch: sizes.length, height, width };
}

function levelsIn(golden: DetectorCase): FeatureLevels {
  const valid = golden.valid_sizes_hw_per_level as readonly (readonly Pair[])[];
  return levelsOf(pairsIn(golden, "level_sizes_hw").map((size, l) => maskOf(valid[l], size)));
}

function layerOptions(golden: DetectorCase, levels: FeatureLevels) {
  const activation: "gelu" | "relu" = golden.activation === "gelu" ? "gelu" : "relu";
  return {
    features: numberIn(golden, "d_model"),
    feedforwardFeatures: numberIn(golden, "d_ffn"),
    activation,
    dropout: 0,
    levels: levels.shapes.length,
    heads: numberIn(golden, "n_heads"),
    points: numberIn(golden, "n_points"),
  };
}

type Run = (worst: Worst, golden: DetectorCase, device: Device) => Promise<void> | void;

/** Runners by the name of the golden in `modules.json`. */
const RUNNERS: Readonly<Record<string, Run>> = {
  position_embedding_sine_hw: (worst, golden) => {
    const size: Pair = [numberIn(golden, "H"), numberIn(golden, "W")];
    const features = numberIn(golden, "num_pos_feats");
    const pos = pixelEmbedding(maskOf(pairsIn(golden, "valid_sizes_hw"), size), {
      features,
      temperatureHeight: numberIn(golden, "temperatureH"),
      temperatureWidth: numberIn(golden, "temperatureW"),
      offset: 0,
    });
    const [plane, channels] = [size[0] * size[1], 2 * features];
    const got = pos.map((_, i) => {
      const [pixel, channel, image] = [i % plane, Math.floor(i / plane) % channels, Math.floor(i / plane / channels)];
      return pos[(image * plane + pixel) * channels + channel];
    });
    compareTensor(worst, "pos", { got, expected: golden.expected.pos });
  },
  masks: (worst, golden) => {
    const mask = maskOf(pairsIn(golden, "image_sizes_hw"), golden.batch_hw as Pair);
    const levels = describeLevels(mask, pairsIn(golden, "level_sizes_hw"));
    levels.masks.forEach(({ data }, l) =>
      compareTensor(worst, `mask_${l}`, { got: data, expected: golden.expected[`mask_${l}`] })
    );
    compareTensor(worst, "valid_ratios", { got: levels.validRatios, expected: golden.expected.valid_ratios });
    const got = encoderReferencePoints(levels);
    compareTensor(worst, "reference points", { got, expected: golden.expected.encoder_reference_points });
  },
  gen_sineembed_for_position: (worst, golden, device) => {
    const input = leaf(device, golden.inputs.pos);
    const output = boxEmbedding(input, numberIn(golden, "num_feats"));
    return compareCase(worst, golden, { output, inputs: { input } });
  },
  inverse_sigmoid: async (worst, golden, device) => {
    const input = leaf(device, golden.inputs.x);
    const output = inverseSigmoid(input);
    compareTensor(worst, "output", { got: await output.data(), expected: golden.expected.output });
    output.sum().backward();
    const values = await input.data();
    const got = await input.grad!.data(); // the sum's gradient reaches it
    worst.compared(golden.expected.grad_input);
    const { data = [], noise_abs = 0, absmax = 0 } = golden.expected.grad_input;
    // At the bounds the gradient depends on rounding (see the golden's note).
    const atBound = (x: number) => [0, 1e-3, 0.999, 1].some((bound) => Math.abs(x - bound) <= 1e-7);
    data.forEach((value, i) => {
      if (atBound(values[i])) return;
      worst.within(`grad_input[${i}]`, got[i], { value: Number(value), tolerance: 20 * noise_abs + 2e-6 * absmax });
    });
    input.grad?.dispose();
  },
  gen_encoder_output_proposals: async (worst, golden, device) => {
    const memory = leaf(device, golden.inputs.memory);
    const { learnedwh } = golden.inputs;
    const size = learnedwh && tensor(device, formula(learnedwh), [1, 2]);
    const { boxes, invalid } = encoderProposals(levelsIn(golden), memory, size);
    const { output_memory, output_proposals, valid } = golden.expected;
    compareTensor(worst, "output_memory", {
      got: await maskedFill(memory, invalid, 0).data(),
      expected: output_memory,
    });
    compareTensor(worst, "output_proposals", { got: await boxes.data(), expected: output_proposals });
    // The golden's `valid` is about the boxes alone; a padded token may have a valid one.
    worst.compared(valid);
    const padding = levelsIn(golden).padding;
    const got = (await invalid.data()).map((value) => value > 0 ? 0 : 1);
    (valid.data ?? []).forEach((value, i) => {
      if (padding[i] === 0) worst.within("valid", got[i], { value: Number(value), tolerance: 0.5 });
    });
  },
  DeformableTransformerEncoderLayer: (worst, golden, device) => {
    const levels = levelsIn(golden);
    const module = load(new DeformableEncoderLayer(context(device), layerOptions(golden, levels)), golden);
    const inputs = { src: leaf(device, golden.inputs.src), pos: leaf(device, golden.inputs.pos) };
    const { batch, tokens, shapes } = levels;
    const output = module.forward(inputs.src, {
      positions: inputs.pos,
      referencePoints: floatTensor(device, encoderReferencePoints(levels), [batch, tokens, shapes.length, 2]),
      spatialShapes: shapes,
      padding: paddingTensor(device, levels),
    });
    return compareCase(worst, golden, { output, module, inputs });
  },
  DeformableTransformerDecoderLayer: (worst, golden, device) => {
    const levels = levelsIn(golden);
    const steps = golden.module_seq as readonly DecoderStep[];
    const made = new DeformableDecoderLayer(context(device), { ...layerOptions(golden, levels), steps });
    const module = load(made, golden);
    const inputs = Object.fromEntries(
      ["tgt", "query_pos", "reference_points", "memory"].map((name) => [name, leaf(device, golden.inputs[name], true)]),
    );
    const { self_attn_mask: spec } = golden.inputs;
    // The diagonal is always allowed (see the golden's note).
    const free = (i: number) => Math.floor(i / spec.shape[1]) === i % spec.shape[1];
    const output = module.forward(inputs.tgt, {
      queryPositions: inputs.query_pos,
      referencePoints: inputs.reference_points,
      memory: inputs.memory,
      spatialShapes: levels.shapes,
      padding: paddingTensor(device, levels),
      attentionMask: spec &&
        tensor(device, formula(spec).map((value, i) => free(i) ? 0 : value), [1, ...spec.shape]),
    });
    return compareCase(worst, golden, { output, module, inputs, swap: true });
  },
  box_ops: runBoxOps,
  sigmoid_focal_loss: async (worst, golden, device) => {
    worst.equal("gamma", [2], [numberIn(golden, "gamma")]); // the loss knows no other
    const logits = leaf(device, golden.inputs.logits);
    const [batch, queries, classes] = logits.shape;
    // Any element may be a target here, so elements stand as queries of one class.
    const flat = logits.reshape([1, batch * queries * classes, 1]);
    const target = tensor(device, formula(golden.inputs.targets).map((t) => 1 - t), flat.shape);
    const ids = tensor(device, Float32Array.of(0), [1]);
    const sum = focalLossSum(flat, { target, classes: ids }, { alpha: numberIn(golden, "alpha") });
    const loss = sum.mul(1 / (queries * numberIn(golden, "num_boxes")));
    compareTensor(worst, "loss", { got: await loss.data(), expected: golden.expected.loss });
    loss.sum().backward();
    const got = await logits.grad!.data(); // the loss reaches all logits
    compareTensor(worst, "grad_logits", { got, expected: golden.expected.grad_logits });
    logits.grad?.dispose();
  },
  HungarianMatcher: (worst, golden) => {
    const [logits, boxes] = [formula(golden.inputs.pred_logits), formula(golden.inputs.pred_boxes)];
    const [, queries, classes] = golden.inputs.pred_logits.shape;
    const options = {
      type: "HungarianMatcher",
      classCost: numberIn(golden, "cost_class"),
      boxCost: numberIn(golden, "cost_bbox"),
      giouCost: numberIn(golden, "cost_giou"),
      alpha: numberIn(golden, "focal_alpha"),
    } as const;
    const totals = (golden.num_targets as readonly number[]).map((count, image) => {
      const predictions = {
        logits: logits.subarray(image * queries * classes, (image + 1) * queries * classes),
        boxes: boxes.subarray(image * queries * 4, (image + 1) * queries * 4),
        ...{ queries, classes },
      };
      const target = {
        labels: formula(golden.inputs[`target${image}.labels`]),
        boxes: formula(golden.inputs[`target${image}.boxes`]),
      };
      const found = match(predictions, target, options);
      const [pred, object] = [`index_pred_${image}`, `index_target_${image}`];
      compareTensor(worst, pred, { got: found.queries, expected: golden.expected[pred] });
      compareTensor(worst, object, { got: found.objects, expected: golden.expected[object] });
      const costs = matchingCosts(predictions, target, options);
      return found.queries.reduce((sum, query, k) => sum + costs[query * count + found.objects[k]], 0);
    });
    compareTensor(worst, "total_cost", { got: totals, expected: golden.expected.total_cost });
  },
};

async function runBoxOps(worst: Worst, golden: DetectorCase, device: Device): Promise<void> {
  const list = (spec: Spec) => {
    const values = formula(spec);
    return Array.from({ length: values.length / 4 }, (_, i) => cornersOf(boxAt(values, i)));
  };
  const { a, b, gout_pair } = golden.inputs;
  const { expected } = golden;
  const [first, second] = [list(a), list(b)];
  const centreOf = (
    [left, top, right, bottom]: typeof first[0],
  ) => [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top];
  const pairs = (ask: (x: typeof first[0], y: typeof first[0]) => number) =>
    first.flatMap((x) => second.map((y) => ask(x, y)));
  compareTensor(worst, "a_xyxy", { got: first.flat(), expected: expected.a_xyxy });
  compareTensor(worst, "a_roundtrip", { got: first.flatMap(centreOf), expected: expected.a_roundtrip });
  compareTensor(worst, "iou", { got: pairs((x, y) => dampedIou(x, y).iou), expected: expected.iou });
  compareTensor(worst, "union", { got: pairs((x, y) => dampedIou(x, y).union), expected: expected.union });
  compareTensor(worst, "giou", { got: pairs(generalizedIou), expected: expected.giou });
  const degenerate = golden.degenerate as DetectorCase | undefined;
  if (degenerate) {
    const boxes = list(degenerate.inputs.a);
    const all = (ask: (x: typeof first[0], y: typeof first[0]) => number) =>
      boxes.flatMap((x) => boxes.map((y) => ask(x, y)));
    const { iou, giou } = degenerate.expected;
    compareTensor(worst, "degenerate iou", { got: all((x, y) => dampedIou(x, y).iou), expected: iou });
    compareTensor(worst, "degenerate giou", { got: all(generalizedIou), expected: giou });
  }
  const [rows, columns] = gout_pair.shape;
  const boxes = leaf(device, a);
  const zeros = tensor(device, new Float32Array(4 * rows * columns), [4, rows, columns]);
  const own = boxes.permute([1, 0]).reshape([4, rows, 1]).add(zeros).reshape([4, rows * columns]);
  const others = tensor(device, formula(b), b.shape).permute([1, 0]).reshape([4, 1, columns]).add(zeros);
  const giou = pairwiseGiou(own, others.reshape([4, rows * columns]));
  giou.mul(tensor(device, formula(gout_pair), [1, rows * columns])).sum().backward();
  const got = await boxes.grad!.data(); // the sum reaches all boxes
  compareTensor(worst, "grad of giou", { got, expected: expected.grad_a_cxcywh_of_giou });
  boxes.grad?.dispose();
}

/** Whether this part of `modules.json` is the detector's. */
export const isDetectorModule = (name: string): boolean => name in RUNNERS;

export async function runModuleCase(name: string, golden: DetectorCase, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  await RUNNERS[name](worst, golden, device);
  worst.requireAll(golden);
  return worst;
}

export async function runResnetCase(golden: DetectorCase, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  const outputs = golden.return_interm_indices as readonly number[];
  const backbone = golden.arch as "resnet50"; // or another that the golden names
  const base = dinoModelOptions({ ...preset("DINO_4scale"), backbone }).backbone; // the norm and its like
  const options = { ...base, dilation: golden.dilation === true, outputs: outputs.length };
  const module = load(buildBackbone(context(device), options), golden);
  const trainable = golden.trainable as readonly string[];
  const trained = [...module.parameters()].filter(([, { requiresGrad }]) => requiresGrad).map(([key]) => key);
  worst.add("trainable", trained.join() === trainable.join() ? 0 : Infinity);
  const { image } = golden.inputs;
  const features = module.forward(tensor(device, formula(image), image.shape));
  for (const [i, feature] of features.entries()) {
    const where = `feature_${outputs[i]}`;
    compareTensor(worst, where, { got: await feature.data(), expected: golden.expected[where] });
  }
  features.map((feature) => feature.mean()).reduce((sum, mean) => sum.add(mean)).backward();
  const norms: number[] = [], samples: number[] = [];
  const state = module.stateDict();
  for (const key of trainable) {
    const gradient = await state.get(key)!.grad!.data(); // all of them are reached
    let squares = 0;
    for (const value of gradient) squares += value ** 2;
    norms.push(Math.sqrt(squares));
    const { length } = gradient;
    samples.push(gradient[0], gradient[Math.floor(length / 2)], gradient[length - 1]);
  }
  compareTensor(worst, "grad norms", { got: norms, expected: golden.expected.param_grad_norms_of_sum_of_means });
  compareTensor(worst, "grad samples", { got: samples, expected: golden.expected.gradsample });
  worst.requireAll(golden);
  module.dispose();
  return worst;
}

export async function runPostprocessCase(golden: DetectorCase, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  const { pred_logits: logits, pred_boxes: boxes } = golden.inputs;
  const predictions = {
    predLogits: tensor(device, formula(logits), logits.shape),
    predBoxes: tensor(device, formula(boxes), boxes.shape),
  };
  const sizes = pairsIn(golden, "target_sizes_hw");
  const common = { numSelect: numberIn(golden, "num_select"), nmsIouThreshold: numberIn(golden, "nms_iou_threshold") };
  for (const [name, expected] of Object.entries(golden.expected)) {
    const [, prefix, image, field] = /^(test_|cxcywh_)?(\d+)_(\w+)$/.exec(name) ?? [];
    const boxFormat = prefix === "test_" ? "xywh" : prefix === "cxcywh_" ? "cxcywh" : "xyxy";
    const detections = (await postprocess(predictions, sizes, { ...common, boxFormat }))[Number(image)];
    const got = field === "scores" ? detections.scores : field === "labels" ? detections.labels : detections.boxes;
    compareTensor(worst, name, { got, expected });
  }
  worst.requireAll(golden);
  return worst;
}
