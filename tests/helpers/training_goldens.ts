/** Goldens of training: denoising queries, the criterion with its gradients, and three steps of a whole model. */

import type { Device } from "../../engine/device/device.ts";
import { AdamW, clipGradNorm } from "../../engine/optim/mod.ts";
import { scope } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { preset } from "../../detector/config/mod.ts";
import { Criterion, type CriterionResult } from "../../detector/loss/mod.ts";
import { type DenoisingDraws, denoisingMask, denoisingQueries, planDenoising } from "../../detector/model/denoising.ts";
import type { DinoOutputs, Predictions } from "../../detector/model/mod.ts";
import { MovingAverage } from "../../detector/train/ema.ts";
import { parameterGroups } from "../../detector/train/param_groups.ts";
import { compareTensor, type Expected, Worst } from "./compare.ts";
import { formula, type ParamRow, paramValues, type Spec } from "./formula.ts";
import { batchOf, configOf, type ModelGolden, modelOf } from "./golden_models.ts";

interface TargetSpec {
  readonly labels: Spec;
  readonly boxes: Spec;
}
interface Draw {
  readonly meaning: string;
  readonly spec: Spec;
}

const targetsOf = (specs: readonly TargetSpec[]) =>
  specs.map(({ labels, boxes }) => ({ labels: Int32Array.from(formula(labels)), boxes: formula(boxes) }));

/** The golden's draws, which must be asked for in its order and number. */
function goldenDraws(draws: readonly Draw[]): DenoisingDraws {
  let next = 0;
  const take = (meaning: string, count: number) => {
    const draw = draws[next++];
    if (draw?.meaning !== meaning) throw new Error(`draws: expected ${draw?.meaning} but ${meaning} was asked for`);
    const values = formula(draw.spec);
    if (values.length !== count) throw new Error(`draws: expected ${values.length} of ${meaning} but found ${count}`);
    return values;
  };
  return {
    labelNoise: (count) => take("p", count),
    newLabels: (count) => take("new_label", count),
    signs: (count) => take("rand_sign", count),
    parts: (count) => take("rand_part", count),
  };
}

export interface CdnCase {
  readonly id: string;
  readonly dn_number: number;
  readonly label_noise_ratio: number;
  readonly box_noise_scale: number;
  readonly num_queries: number;
  readonly num_classes: number;
  readonly targets: readonly TargetSpec[];
  readonly draws: readonly Draw[];
  readonly params: readonly ParamRow[];
  readonly grad_output: Spec;
  readonly pad_size: number;
  readonly num_dn_group: number;
  readonly expected: Readonly<Record<string, Expected>>;
}

export async function runCdnCase(golden: CdnCase, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  const { expected } = golden;
  const plan = planDenoising(targetsOf(golden.targets), {
    number: golden.dn_number,
    labelNoiseRatio: golden.label_noise_ratio,
    boxNoiseScale: golden.box_noise_scale,
    classes: golden.num_classes,
  }, goldenDraws(golden.draws));
  worst.equal("pad_size, num_dn_group", [plan.padSize, plan.groups], [golden.pad_size, golden.num_dn_group]);
  const mask = denoisingMask(plan, golden.num_queries);
  const length = plan.padSize + golden.num_queries;
  const sums = (along: (row: number, column: number) => number) => {
    const totals = new Array<number>(length).fill(0);
    mask.forEach((value, i) => totals[along(Math.floor(i / length), i % length)] += value);
    return totals;
  };
  compareTensor(worst, "attn_mask", { got: mask, expected: expected.attn_mask });
  compareTensor(worst, "attn_mask rows", { got: sums((row) => row), expected: expected.attn_mask_row_sums });
  compareTensor(worst, "attn_mask columns", {
    got: sums((_, column) => column),
    expected: expected.attn_mask_col_sums,
  });
  if (plan.padSize === 0) {
    worst.equal("input_query_label", [], [...expected.input_query_label.shape.filter((d) => d === 0).slice(1)]);
    return worst;
  }
  const [row] = paramValues(golden.params).values();
  const table = tensor(device, row.data, row.shape);
  table.requiresGrad = true;
  const { content, boxLogits } = denoisingQueries(plan, table);
  compareTensor(worst, "input_query_label", { got: await content.data(), expected: expected.input_query_label });
  compareTensor(worst, "input_query_bbox", { got: await boxLogits.data(), expected: expected.input_query_bbox });
  content.mul(tensor(device, formula(golden.grad_output), golden.grad_output.shape)).sum().backward();
  const gradient = table.grad ? await table.grad.data() : [];
  compareTensor(worst, "grad_label_enc_weight", { got: gradient, expected: expected.grad_label_enc_weight });
  table.grad?.dispose();
  return worst;
}

export interface CriterionCase {
  readonly id: string;
  readonly training: boolean;
  readonly dec_layers: number;
  readonly num_dn_group: number;
  readonly pad_size: number;
  readonly focal_alpha: number;
  readonly cost_class: number;
  readonly cost_bbox: number;
  readonly cost_giou: number;
  readonly weight_dict: Readonly<Record<string, number>>;
  readonly targets: readonly TargetSpec[];
  readonly inputs: Readonly<Record<string, Spec>>;
  readonly expected: {
    readonly losses: Readonly<Record<string, number>>;
    readonly total: Expected;
    readonly grads: Readonly<Record<string, Expected>>;
    readonly indices: Readonly<Record<string, Expected>>;
  };
}

/** Losses of a first step: relative. Whole numbers and percentages that count things differ by nothing. */
const LOSS_TOLERANCE = 1e-5;

export async function runCriterionCase(golden: CriterionCase, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  const inputs = new Map(
    Object.entries(golden.inputs).map(([name, spec]) => {
      const input = tensor(device, formula(spec), spec.shape);
      input.requiresGrad = true;
      return [name, input];
    }),
  );
  const set = (name: string): Predictions | undefined => {
    const [predLogits, predBoxes] = [inputs.get(`${name}.pred_logits`), inputs.get(`${name}.pred_boxes`)];
    return predLogits && predBoxes && { predLogits, predBoxes };
  };
  const sets = (prefix: string) =>
    Array.from({ length: golden.dec_layers - 1 }, (_, i) => set(`${prefix}aux${i}`)).filter((found) =>
      found !== undefined
    );
  const [final, interm, noised] = [set("final"), set("interm"), set("dn.final")];
  if (!final || !interm) throw new Error("criterion: expected final and interm inputs");
  const outputs: DinoOutputs = {
    ...final,
    auxOutputs: sets(""),
    intermOutputs: interm,
    intermOutputsForMatchingPre: interm,
    denoising: {
      padSize: golden.pad_size,
      groups: golden.num_dn_group,
      predictions: noised && { ...noised, auxOutputs: sets("dn.") },
    },
  };
  const base = preset("DINO_4scale")!; // every key that the golden does not name has no say in the losses
  const criterion = new Criterion({
    ...base,
    focal_alpha: golden.focal_alpha,
    set_cost_class: golden.cost_class,
    set_cost_bbox: golden.cost_bbox,
    set_cost_giou: golden.cost_giou,
  }, { weights: golden.weight_dict });
  const result = await criterion.losses(outputs, targetsOf(golden.targets), { training: golden.training });
  compareLosses(worst, result, { losses: golden.expected.losses, tolerance: LOSS_TOLERANCE });
  compareIndices(worst, result, (name) => golden.expected.indices[name]?.data?.map(Number));
  compareTensor(worst, "total", { got: await result.total.data(), expected: golden.expected.total });
  result.total.sum().backward();
  for (const [name, expected] of Object.entries(golden.expected.grads)) {
    const input = inputs.get(name)!; // gradients are those of inputs
    const got = input.grad ? await input.grad.data() : new Float32Array(input.size);
    compareTensor(worst, `grad of ${name}`, { got, expected });
  }
  for (const input of inputs.values()) input.grad?.dispose();
  return worst;
}

function compareLosses(
  worst: Worst,
  { values }: CriterionResult,
  { losses, tolerance }: { losses: Readonly<Record<string, number>>; tolerance: number },
): void {
  const [names, expected] = [Object.keys(values).sort(), Object.keys(losses).sort()];
  if (names.join() !== expected.join()) worst.add(`names of losses ${names} for ${expected}`, Infinity);
  for (const [name, value] of Object.entries(losses)) {
    worst.within(name, values[name], { value, tolerance: tolerance * Math.abs(value) });
  }
}

function compareIndices(
  worst: Worst,
  { matches }: CriterionResult,
  expected: (name: string) => readonly number[] | undefined,
): void {
  for (const [set, images] of matches) {
    images.forEach(({ queries, objects }, image) => {
      const [pred, target] = [expected(`${set}.${image}.pred`), expected(`${set}.${image}.target`)];
      if (!pred || !target) return worst.add(`indices of ${set}.${image} missing`, Infinity);
      worst.equal(`${set}.${image}.pred`, queries, pred);
      worst.equal(`${set}.${image}.target`, objects, target);
    });
  }
}

interface After {
  readonly sum: number;
  readonly sumsq: number;
  readonly delta_norm: number;
  readonly val: readonly number[];
  readonly noise_delta_rel: number;
  readonly noise_abs: number;
}

export interface TrainGolden extends ModelGolden {
  readonly lr: number;
  readonly lr_backbone: number;
  readonly weight_decay: number;
  readonly clip_max_norm: number;
  readonly targets: readonly TargetSpec[];
  readonly weight_dict: Readonly<Record<string, number>>;
  readonly param_groups: { readonly main: number; readonly backbone: readonly string[] };
  readonly frozen: readonly string[];
  readonly steps: readonly {
    readonly losses: Readonly<Record<string, number>>;
    readonly total: number;
    readonly grad_norm_before_clip: number;
    readonly grad_norm_f32: number;
    readonly indices: Readonly<Record<string, readonly number[]>>;
    readonly draws: readonly Draw[];
    readonly topk: readonly (readonly number[])[];
    readonly dn_meta: { readonly pad_size: number; readonly num_dn_group: number };
    readonly outputs: { readonly pred_logits: Expected; readonly pred_boxes: Expected };
    readonly dn_outputs: { readonly pred_logits: Expected; readonly pred_boxes: Expected };
  }[];
  readonly per_param: readonly {
    readonly key: string;
    readonly numel: number;
    readonly grad_norm: number;
    readonly grad_noise_rel: number;
    readonly idx: readonly number[];
    readonly grad: readonly number[];
    readonly after1: After;
    readonly after3: After;
    readonly ema: { readonly val: readonly number[] };
  }[];
}

/** Relative tolerances of the losses by step; later ones are the last. */
const STEP_TOLERANCES = [1e-5, 1e-4, 1e-3];
const EMA_DECAY = 0.9997;

export async function runTrainGolden(golden: TrainGolden, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  const { lr, lr_backbone, weight_decay } = golden;
  const config = configOf(golden, { lr, lr_backbone, weight_decay });
  const model = modelOf(device, golden).train();
  const averaged = modelOf(device, golden);
  const ema = new MovingAverage(model, averaged, EMA_DECAY);
  const groups = parameterGroups(model, config);
  const state = model.stateDict();
  const frozen = [...model.parameters()].filter(([, parameter]) => !parameter.requiresGrad).map(([name]) => name);
  worst.add("frozen", [...frozen].sort().join() === [...golden.frozen].sort().join() ? 0 : Infinity);
  worst.equal("groups", groups.map((group) => group.parameters.length), [
    golden.param_groups.main,
    golden.param_groups.backbone.length,
  ]);
  const optimizer = new AdamW(groups);
  const criterion = new Criterion(config, { weights: golden.weight_dict });
  const before = new Map<string, ArrayLike<number>>();
  for (const { key } of golden.per_param) before.set(key, (await state.get(key)!.data()).slice());
  const targets = targetsOf(golden.targets);
  for (const [index, step] of golden.steps.entries()) {
    using _step = scope();
    const tolerance = STEP_TOLERANCES[Math.min(index, STEP_TOLERANCES.length - 1)];
    const draws = goldenDraws(step.draws);
    let selected: Tensor | undefined;
    const outputs = model.forward({
      ...batchOf(device, golden),
      denoising: { targets, draws },
      trace: (name, tensor) => {
        if (name === "selected") selected = tensor.alias().detached();
      },
    });
    worst.equal(`step ${index} topk`, selected ? await selected.data() : [], step.topk.flat());
    selected?.dispose();
    const result = await criterion.losses(outputs, targets);
    compareLosses(worst, result, { losses: step.losses, tolerance });
    compareIndices(worst, result, (name) => step.indices[name]);
    worst.within(`step ${index} total`, (await result.total.data())[0], {
      value: step.total,
      tolerance: tolerance * step.total,
    });
    const denoising = outputs.denoising;
    worst.equal(`step ${index} dn_meta`, [denoising?.padSize ?? 0, denoising?.groups ?? 0], [
      step.dn_meta.pad_size,
      step.dn_meta.num_dn_group,
    ]);
    const pairs = [["outputs", outputs, step.outputs], [
      "dn_outputs",
      denoising?.predictions,
      step.dn_outputs,
    ]] as const;
    for (const [name, got, expected] of pairs) {
      if (!got) worst.add(`step ${index} ${name} missing`, Infinity);
      else {
        const where = `step ${index} ${name}`;
        compareTensor(worst, `${where} logits`, { got: await got.predLogits.data(), expected: expected.pred_logits });
        compareTensor(worst, `${where} boxes`, { got: await got.predBoxes.data(), expected: expected.pred_boxes });
      }
    }
    result.total.sum().backward();
    if (index === 0) await compareGradients(worst, golden, state);
    const trained = groups.flatMap((group) => group.parameters.map(([, parameter]) => parameter));
    const { norm, coefficient } = clipGradNorm(trained, golden.clip_max_norm);
    const noise = Math.abs(step.grad_norm_f32 - step.grad_norm_before_clip) / step.grad_norm_before_clip;
    worst.within(`step ${index} grad_norm`, await norm.item(), {
      value: step.grad_norm_before_clip,
      tolerance: step.grad_norm_before_clip * Math.max(20 * noise, tolerance),
    });
    optimizer.step({ learningRates: groups.map((group) => group.learningRate), coefficient });
    optimizer.zeroGrad();
    ema.update();
    const after = index === 0 ? "after1" : index === 2 ? "after3" : undefined;
    if (after) await compareParameters(worst, golden, { parameters: state, groups, before, after, steps: index + 1 });
  }
  const average = ema.average.stateDict();
  for (const { key, idx, ema: expected, after3 } of golden.per_param) {
    const got = await average.get(key)!.data();
    const rate = lr * golden.steps.length;
    expected.val.forEach((value, k) =>
      worst.within(`ema ${key}`, got[idx[k]], {
        value,
        // Until three updates went in, an average of decay d has moved by at most (1 - d) of each step, and rounds once each.
        tolerance: Math.max(20 * after3.noise_abs, 3 * rate * (1 - EMA_DECAY) * 3 + 3 * 2 ** -23 * Math.abs(value)),
      })
    );
  }
  optimizer.dispose();
  model.dispose();
  averaged.dispose();
  return worst;
}

type Parameters = ReadonlyMap<string, Tensor>;

async function compareGradients(worst: Worst, golden: TrainGolden, parameters: Parameters): Promise<void> {
  for (const { key, numel, grad_norm, grad_noise_rel, idx, grad } of golden.per_param) {
    const gradient = parameters.get(key)?.grad;
    if (!gradient) {
      worst.add(`gradient of ${key} missing`, grad_norm === 0 ? 0 : Infinity);
      continue;
    }
    const got = await gradient.data();
    let squares = 0;
    for (const value of got) squares += value ** 2;
    const norm = Math.sqrt(squares);
    const floor = 1e-12; // a gradient that is zero in exact arithmetic
    worst.within(`norm of gradient of ${key}`, norm, {
      value: grad_norm,
      tolerance: Math.max(20 * grad_noise_rel, 1e-4) * grad_norm + floor,
    });
    const scale = grad_norm / Math.sqrt(numel);
    grad.forEach((value, k) =>
      worst.within(`gradient of ${key}[${idx[k]}]`, got[idx[k]], {
        value,
        tolerance: Math.max(50 * grad_noise_rel, 1e-3) * scale + 20 * 1e-5 * Math.abs(value) + floor,
      })
    );
  }
}

async function compareParameters(
  worst: Worst,
  golden: TrainGolden,
  call: {
    readonly parameters: Parameters;
    readonly groups: ReturnType<typeof parameterGroups>;
    readonly before: ReadonlyMap<string, ArrayLike<number>>;
    readonly after: "after1" | "after3";
    readonly steps: number;
  },
): Promise<void> {
  for (const param of golden.per_param) {
    const { key, idx } = param;
    const expected = param[call.after];
    const parameter = call.parameters.get(key)!; // the state has every key
    const group = call.groups.find(({ parameters }) => parameters.some(([, trained]) => trained === parameter))!;
    const got = await parameter.data();
    const start = call.before.get(key)!;
    // In exact arithmetic the key's part of this bias has no gradient: its updates mean nothing.
    const meaningless = (i: number) =>
      key.endsWith("in_proj_bias") && i >= param.numel / 3 && i < (2 * param.numel) / 3;
    expected.val.forEach((value, k) => {
      if (meaningless(idx[k])) return;
      const tolerance = 3 * group.learningRate * call.steps;
      worst.within(`${call.after} of ${key}[${idx[k]}]`, got[idx[k]], { value, tolerance });
    });
    if (key.endsWith("in_proj_bias")) continue;
    let delta = 0;
    for (let i = 0; i < got.length; i++) delta += (got[i] - start[i]) ** 2;
    worst.within(`${call.after} movement of ${key}`, Math.sqrt(delta), {
      value: expected.delta_norm,
      tolerance: Math.max(20 * expected.noise_delta_rel, 2e-2) * expected.delta_norm,
    });
  }
}
