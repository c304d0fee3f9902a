/** Goldens of the parts of training: denoising queries, and the criterion with its gradients. */

import type { Device } from "../../engine/device/device.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import { preset } from "../../detector/config/mod.ts";
import { Criterion, type CriterionResult } from "../../detector/loss/mod.ts";
import { type DenoisingDraws, denoisingMask, denoisingQueries, planDenoising } from "../../detector/model/denoising.ts";
import type { DinoOutputs, Predictions } from "../../detector/model/mod.ts";
import { compareTensor, type Expected, Worst } from "./compare.ts";
import { formula, type ParamRow, paramValues, type Spec } from "./formula.ts";

export interface TargetSpec {
  readonly labels: Spec;
  readonly boxes: Spec;
}
export interface Draw {
  readonly meaning: string;
  readonly spec: Spec;
}

/** Targets as the criterion and the denoising take them. */
export const targetsOf = (specs: readonly TargetSpec[]) =>
  specs.map(({ labels, boxes }) => ({ labels: Int32Array.from(formula(labels)), boxes: formula(boxes) }));

/** The golden's draws, which must be asked for in its order and number. */
export function goldenDraws(draws: readonly Draw[]): DenoisingDraws {
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
    for (const name of ["input_query_label", "input_query_bbox"]) {
      compareTensor(worst, name, { got: [], expected: expected[name] });
    }
    worst.requireAll(golden);
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
  worst.requireAll(golden);
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
  compareIndices(worst, result, golden.expected.indices);
  compareTensor(worst, "total", { got: await result.total.data(), expected: golden.expected.total });
  result.total.sum().backward();
  for (const [name, expected] of Object.entries(golden.expected.grads)) {
    const input = inputs.get(name)!; // gradients are those of inputs
    const got = input.grad ? await input.grad.data() : new Float32Array(input.size);
    compareTensor(worst, `grad of ${name}`, { got, expected });
  }
  for (const input of inputs.values()) input.grad?.dispose();
  worst.requireAll(golden);
  return worst;
}

/** Every loss by name, and no others. `tolerance` is relative; what counts things is exact where nothing is counted. */
export function compareLosses(
  worst: Worst,
  { values }: CriterionResult,
  { losses, tolerance }: { losses: Readonly<Record<string, number>>; tolerance: number },
): void {
  worst.equal("names of losses", Object.keys(values).sort(), Object.keys(losses).sort());
  for (const [name, value] of Object.entries(losses)) {
    worst.within(name, values[name], { value, tolerance: tolerance * Math.abs(value) });
  }
}

/** The matching of every set of predictions and image, and no others: `<set>.<image>.pred` and `.target`. */
export function compareIndices(
  worst: Worst,
  { matches }: CriterionResult,
  expected: Readonly<Record<string, Expected | readonly number[]>>,
): void {
  const found = new Map<string, ArrayLike<number>>();
  for (const [set, images] of matches) {
    images.forEach(({ queries, objects }, image) => {
      found.set(`${set}.${image}.pred`, queries).set(`${set}.${image}.target`, objects);
    });
  }
  worst.equal("names of indices", [...found.keys()].sort(), Object.keys(expected).sort());
  for (const [name, golden] of Object.entries(expected)) {
    const got = found.get(name) ?? [];
    if ("shape" in golden) compareTensor(worst, name, { got, expected: golden });
    else worst.equal(name, got, golden);
  }
}
