/**
 * Goldens of training: steps of a whole model, with everything between images and the updated parameters. Tolerances are
 * the README's; those of sums and of the moving average follow from them, as derived beside each.
 */

import type { Device } from "../../engine/device/device.ts";
import { AdamW, clipGradNorm } from "../../engine/optim/mod.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { Criterion, type CriterionResult } from "../../detector/loss/mod.ts";
import type { Dino, DinoOutputs } from "../../detector/model/mod.ts";
import { MovingAverage } from "../../detector/train/ema.ts";
import { parameterGroups } from "../../detector/train/param_groups.ts";
import { compareTensor, type Expected, sumTolerance, Worst } from "./compare.ts";
import { batchOf, configOf, type ModelGolden, modelOf } from "./golden_models.ts";
import {
  compareIndices,
  compareLosses,
  type Draw,
  goldenDraws,
  targetsOf,
  type TargetSpec,
} from "./training_goldens.ts";

/** Values of a parameter: of all its elements and, at the golden's indices, single ones. */
interface Values {
  readonly sum: number;
  readonly sumsq: number;
  readonly val: readonly number[];
}
interface After extends Values {
  /** The norm of what all steps so far have added to it. */
  readonly delta_norm: number;
  readonly noise_delta_rel: number;
  readonly noise_abs: number;
}

interface GoldenStep {
  readonly losses: Readonly<Record<string, number>>;
  /** The losses that count, times their weights. */
  readonly weighted: Readonly<Record<string, number>>;
  readonly total: number;
  readonly grad_norm_before_clip: number;
  readonly grad_norm_f32: number;
  readonly indices: Readonly<Record<string, readonly number[]>>;
  readonly draws: readonly Draw[];
  readonly topk: readonly (readonly number[])[];
  readonly dn_meta: { readonly pad_size: number; readonly num_dn_group: number };
  readonly outputs: { readonly pred_logits: Expected; readonly pred_boxes: Expected };
  readonly dn_outputs: { readonly pred_logits: Expected; readonly pred_boxes: Expected };
}

interface GoldenParameter {
  readonly key: string;
  readonly numel: number;
  readonly grad_norm: number;
  readonly grad_sum: number;
  readonly grad_noise_rel: number;
  readonly idx: readonly number[];
  readonly grad: readonly number[];
  readonly after1: After;
  readonly after3: After;
  readonly ema: Values;
}

export interface TrainGolden extends ModelGolden {
  readonly lr: number;
  readonly lr_backbone: number;
  readonly weight_decay: number;
  readonly clip_max_norm: number;
  readonly targets: readonly TargetSpec[];
  readonly weight_dict: Readonly<Record<string, number>>;
  readonly param_groups: {
    readonly main: number;
    readonly backbone: readonly string[];
    readonly lr: readonly number[];
  };
  readonly frozen: readonly string[];
  /** Trained, but reached by no gradient. */
  readonly no_grad_params: readonly string[];
  readonly steps: readonly GoldenStep[];
  readonly per_param: readonly GoldenParameter[];
}

/** Relative tolerances of the losses by step; later ones are the last. */
const STEP_TOLERANCES = [1e-5, 1e-4, 1e-3];
const EMA_DECAY = 0.9997;
/** A gradient that is zero in exact arithmetic. */
const NO_GRADIENT = 1e-12;

type Groups = ReturnType<typeof parameterGroups>;
type Parameters = ReadonlyMap<string, Tensor>;

/** Which learning rate moves each parameter. */
function ratesOf(groups: Groups): ReadonlyMap<Tensor, number> {
  return new Map(
    groups.flatMap(({ parameters, learningRate }) => parameters.map(([, tensor]) => [tensor, learningRate])),
  );
}

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
  compareGroups(worst, golden, { model, groups });
  const optimizer = new AdamW(groups);
  const criterion = new Criterion(config, { weights: golden.weight_dict });
  const before = new Map<string, ArrayLike<number>>();
  for (const { key } of golden.per_param) before.set(key, (await state.get(key)!.data()).slice()); // modelOf has all keys
  const deviations: Deviations = new Map();
  const targets = targetsOf(golden.targets);
  for (const [index, step] of golden.steps.entries()) {
    using _step = scope();
    let selected: Tensor | undefined;
    const outputs = model.forward({
      ...batchOf(device, golden),
      denoising: { targets, draws: goldenDraws(step.draws) },
      trace: (name, tensor) => {
        if (name === "selected") selected = tensor.alias().detached();
      },
    });
    worst.equal(`step ${index} topk`, selected ? await selected.data() : [], step.topk.flat());
    selected?.dispose();
    const result = await criterion.losses(outputs, targets);
    await compareStep(worst, step, { golden, index, outputs, result });
    result.total.sum().backward();
    if (index === 0) await compareGradients(worst, golden, state);
    const trained = groups.flatMap((group) => group.parameters.map(([, parameter]) => parameter));
    const { norm, coefficient } = clipGradNorm(trained, golden.clip_max_norm);
    compareNorm(worst, step, { index, norm: await norm.item() });
    optimizer.step({ learningRates: groups.map((group) => group.learningRate), coefficient });
    optimizer.zeroGrad();
    ema.update();
    const after = index === 0 ? "after1" : index === 2 ? "after3" : undefined;
    const call = { parameters: state, groups, before, deviations, steps: index + 1 };
    if (after) await compareParameters(worst, golden, { ...call, after });
  }
  await compareAverage(worst, golden, { average: ema.average.stateDict(), parameters: state, groups, deviations });
  worst.requireAll(golden);
  optimizer.dispose();
  model.dispose();
  averaged.dispose();
  return worst;
}

/** Which parameters are trained, in which group, with which rate. */
function compareGroups(worst: Worst, golden: TrainGolden, { model, groups }: { model: Dino; groups: Groups }): void {
  const { param_groups: expected } = golden;
  const frozen = [...model.parameters()].filter(([, parameter]) => !parameter.requiresGrad).map(([name]) => name);
  worst.equal("frozen", frozen.sort(), [...golden.frozen].sort());
  worst.equal("groups", groups.map(({ parameters }) => parameters.length), [expected.main, expected.backbone.length]);
  worst.equal("rates of groups", groups.map(({ learningRate }) => learningRate), expected.lr);
  worst.equal("backbone group", groups[1].parameters.map(([name]) => name).sort(), [...expected.backbone].sort());
}

/** Everything of a step before its gradients: losses, matching, denoising, outputs. */
async function compareStep(
  worst: Worst,
  step: GoldenStep,
  call: {
    readonly golden: TrainGolden;
    readonly index: number;
    readonly outputs: DinoOutputs;
    readonly result: CriterionResult;
  },
): Promise<void> {
  const { golden, index, outputs, result } = call;
  const tolerance = STEP_TOLERANCES[Math.min(index, STEP_TOLERANCES.length - 1)];
  const within = (where: string, got: number, value: number) =>
    worst.within(`step ${index} ${where}`, got, { value, tolerance: tolerance * Math.abs(value) });
  compareLosses(worst, result, { losses: step.losses, tolerance });
  for (const [name, value] of Object.entries(step.weighted)) {
    within(`weighted ${name}`, result.values[name] * golden.weight_dict[name], value);
  }
  compareIndices(worst, result, step.indices);
  within("total", await result.total.item(), step.total);
  const { denoising } = outputs;
  const { pad_size, num_dn_group } = step.dn_meta;
  worst.equal(`step ${index} dn_meta`, [denoising?.padSize ?? 0, denoising?.groups ?? 0], [pad_size, num_dn_group]);
  const pairs = [["outputs", outputs], ["dn_outputs", denoising?.predictions]] as const;
  for (const [name, got] of pairs) {
    const where = `step ${index} ${name}`;
    if (!got) {
      worst.add(`${where} missing`, Infinity);
      continue;
    }
    compareTensor(worst, `${where} logits`, { got: await got.predLogits.data(), expected: step[name].pred_logits });
    compareTensor(worst, `${where} boxes`, { got: await got.predBoxes.data(), expected: step[name].pred_boxes });
  }
}

/** The norm of all gradients together, as the README has it for one; later steps start from parameters as far off as losses are. */
function compareNorm(worst: Worst, step: GoldenStep, { index, norm }: { index: number; norm: number }): void {
  const { grad_norm_before_clip: value, grad_norm_f32: inFloat32 } = step;
  const noise = Math.abs(inFloat32 - value) / value;
  const tolerance = Math.max(20 * noise, 1e-4, STEP_TOLERANCES[Math.min(index, STEP_TOLERANCES.length - 1)]) * value;
  worst.within(`step ${index} grad_norm`, norm, { value, tolerance });
}

async function compareGradients(worst: Worst, golden: TrainGolden, parameters: Parameters): Promise<void> {
  const without = golden.per_param.filter(({ key }) => !parameters.get(key)?.grad).map(({ key }) => key);
  worst.equal("parameters without a gradient", without.sort(), [...golden.no_grad_params].sort());
  for (const { key, numel, grad_norm, grad_sum, grad_noise_rel, idx, grad } of golden.per_param) {
    const gradient = parameters.get(key)?.grad;
    if (!gradient) continue;
    const got = await gradient.data();
    let squares = 0, sum = 0;
    for (const value of got) {
      squares += value ** 2;
      sum += value;
    }
    worst.within(`norm of gradient of ${key}`, Math.sqrt(squares), {
      value: grad_norm,
      tolerance: Math.max(20 * grad_noise_rel, 1e-4) * grad_norm + NO_GRADIENT,
    });
    const scale = grad_norm / Math.sqrt(numel);
    worst.within(`sum of gradient of ${key}`, sum, {
      value: grad_sum,
      // The rule for all sums; the noise of one element has a root mean square of grad_noise_rel times theirs.
      tolerance: sumTolerance(grad_norm ** 2, numel, grad_noise_rel * scale) + NO_GRADIENT,
    });
    grad.forEach((value, k) =>
      worst.within(`gradient of ${key}[${idx[k]}]`, got[idx[k]], {
        value,
        tolerance: Math.max(50 * grad_noise_rel, 1e-3) * scale + 20 * 1e-5 * Math.abs(value) + NO_GRADIENT,
      })
    );
  }
}

/** Sums of n elements that may each be off by e: by n e, and their squares by 2 |x| |e| + |e|^2 with |e| = e sqrt(n). */
function compareSums(
  worst: Worst,
  where: string,
  call: {
    readonly got: ArrayLike<number>;
    readonly expected: Values;
    /** Of an element of this size. */
    readonly tolerance: (value: number) => number;
  },
): void {
  const { got, expected } = call;
  let sum = 0, squares = 0, largest = 0;
  for (let i = 0; i < got.length; i++) {
    sum += got[i];
    squares += got[i] ** 2;
    largest = Math.max(largest, Math.abs(got[i]));
  }
  const each = call.tolerance(largest);
  const error = each * Math.sqrt(got.length);
  worst.within(`${where} sum`, sum, { value: expected.sum, tolerance: got.length * each });
  const ofSquares = 2 * Math.sqrt(expected.sumsq) * error + error ** 2;
  worst.within(`${where} sumsq`, squares, { value: expected.sumsq, tolerance: ofSquares });
}

/** By how much the golden's entries of each parameter were missed after the first and the third step. */
type Deviations = Map<string, { after1: number[]; after3: number[] }>;

async function compareParameters(
  worst: Worst,
  golden: TrainGolden,
  call: {
    readonly parameters: Parameters;
    readonly groups: Groups;
    readonly before: ReadonlyMap<string, ArrayLike<number>>;
    readonly after: "after1" | "after3";
    readonly steps: number;
    /** Is filled. */
    readonly deviations: Deviations;
  },
): Promise<void> {
  const rates = ratesOf(call.groups);
  for (const param of golden.per_param) {
    const { key, idx } = param;
    const expected = param[call.after];
    const parameter = call.parameters.get(key)!; // modelOf has all keys
    const got = await parameter.data();
    const bound = 3 * rates.get(parameter)! * call.steps; // what has a golden gradient is in a group
    expected.val.forEach((value, k) =>
      worst.within(`${call.after} of ${key}[${idx[k]}]`, got[idx[k]], { value, tolerance: bound })
    );
    compareSums(worst, `${call.after} of ${key}`, { got, expected, tolerance: () => bound });
    const missed = expected.val.map((value, k) => Math.abs(got[idx[k]] - value));
    call.deviations.set(key, { after1: [], after3: [], ...call.deviations.get(key), [call.after]: missed });
    // In exact arithmetic the key's part of this bias has no gradient: how it moves means nothing.
    if (key.endsWith("in_proj_bias")) continue;
    const start = call.before.get(key)!; // filled for all of them
    let delta = 0;
    for (let i = 0; i < got.length; i++) delta += (got[i] - start[i]) ** 2;
    worst.within(`${call.after} movement of ${key}`, Math.sqrt(delta), {
      value: expected.delta_norm,
      tolerance: Math.max(20 * expected.noise_delta_rel, 2e-2) * expected.delta_norm,
    });
  }
}

/**
 * The moving average v <- d v + (1 - d) w, once for each of the tensor's names. After n steps it is off by what the
 * parameter was off by after each of them, times (1 - d) and the names. For the first and last step the golden tells us;
 * in between we take the larger of the two, or the README's expectation of 20 noise_abs. Each update also rounds twice,
 * and d is rounded once: 2.5 times 2^-24 of the value. For the sums, which are over all elements, the parameters'
 * hard bound of 3 lr k after step k stands in for what they were off by.
 */
async function compareAverage(
  worst: Worst,
  golden: TrainGolden,
  call: {
    readonly average: Parameters;
    readonly parameters: Parameters;
    readonly groups: Groups;
    readonly deviations: Deviations;
  },
): Promise<void> {
  const rates = ratesOf(call.groups);
  const steps = golden.steps.length;
  const names = new Map<Tensor, number>();
  for (const tensor of call.parameters.values()) names.set(tensor, (names.get(tensor) ?? 0) + 1);
  for (const { key, idx, ema, after3 } of golden.per_param) {
    const parameter = call.parameters.get(key)!; // modelOf has all keys
    const updates = names.get(parameter)!; // counted just above
    const got = await call.average.get(key)!.data(); // a model of the same structure
    const taken = (1 - EMA_DECAY) * updates;
    const rounding = (value: number) => steps * updates * 2.5 * 2 ** -24 * Math.abs(value);
    const { after1, after3: last } = call.deviations.get(key)!; // of all parameters
    ema.val.forEach((value, k) => {
      const between = (steps - 2) * Math.max(after1[k], last[k], 20 * after3.noise_abs);
      const tolerance = taken * (after1[k] + between + last[k]) + rounding(value);
      worst.within(`ema of ${key}[${idx[k]}]`, got[idx[k]], { value, tolerance });
    });
    const bound = taken * 3 * rates.get(parameter)! * steps * (steps + 1) / 2; // what is in the golden is in a group
    compareSums(worst, `ema of ${key}`, { got, expected: ema, tolerance: (value) => bound + rounding(value) });
  }
}
