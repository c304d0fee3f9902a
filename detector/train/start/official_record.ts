/**
 * An official `.pth` as a training record. Its optimizer knows parameters by number only: PyTorch counts through the
 * groups in the order in which the official code made them, which is the order of `parameterGroups` here. The scheduler's
 * state becomes settings of the configuration, since rates are a function of those and of the progress.
 */

import {
  pickleGet,
  PickleTuple,
  type PickleValue,
  type PthFile,
  PthTensor,
  toNumbers,
} from "../../../checkpoint/mod.ts";
import { describe } from "../../../engine/describe.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { formatShape, sameShape } from "../../../engine/shape.ts";
import { backboneArchitecture } from "../../config/backbones.ts";
import type { ConfigObject, DinoConfig } from "../../config/mod.ts";
import { type NamedWeight, resolveFileConfig, type WeightsFile } from "../../weights/mod.ts";
import { NO_BEST } from "../best.ts";
import { outlineModel } from "../model_outline.ts";
import { StateReader } from "../records/bundle_state.ts";
import { readScheduler } from "./official_scheduler.ts";
import { parameterGroups } from "../param_groups.ts";
import { type OptimizerRecord, type StateMap, type TrainingRecord, weightsAlone } from "./training_record.ts";

/** How many groups each `param_dict_type` has. */
const GROUPINGS = new Map<number, DinoConfig["param_dict_type"]>([
  [2, "default"],
  [3, "ddetr_in_mmdet"],
  [4, "large_wd"],
]);

/** More groups than any `param_dict_type` has; they may all share one list of millions. */
const MOST_GROUPS = 100;

interface OfficialGroup {
  /** The parameters' numbers. */
  readonly indices: readonly number[];
  /** In force when the file was written. */
  readonly rate: number;
  /** What the schedule started from; with one cycle what it rises to. */
  readonly initialRate: number;
  readonly weightDecay: number;
}

/**
 * Reads all of an official checkpoint but its tensors; the record closes the file.
 * @throws DinogradError of kind "checkpoint" where optimizer, scheduler or epoch are missing or make no sense
 */
export function openOfficialRecord(file: WeightsFile, pth: PthFile): TrainingRecord {
  const { path } = file;
  const { root } = pth;
  const missing = ["optimizer", "lr_scheduler", "epoch"].filter((key) => pickleGet(root, key) === undefined);
  if (missing.length > 0) throw weightsAlone(path, `none (no ${missing.join(", no ")})`);
  const epoch = countAt(pickleGet(root, "epoch"), `${path}, epoch`);
  const groups = readGroups(pickleGet(root, "optimizer"), `${path}, optimizer`);
  const scheduler = readScheduler(pickleGet(root, "lr_scheduler"), `${path}, lr_scheduler`);
  const grouping = GROUPINGS.get(groups.length);
  if (grouping === undefined) {
    throw new DinogradError(
      "checkpoint",
      `${path}, optimizer: expected 2, 3 or 4 parameter groups but found ${groups.length}`,
    );
  }
  const [main, second, third] = groups;
  const rates: ConfigObject = {
    optimizer: "adamw",
    param_dict_type: grouping,
    lr: main.initialRate,
    weight_decay: main.weightDecay,
    // One cycle overwrites what the backbone's group started from.
    ...(scheduler.settings.onecyclelr === true ? {} : { lr_backbone: second.initialRate }),
    ...(grouping === "ddetr_in_mmdet" && main.initialRate > 0
      ? { lr_linear_proj_mult: third.initialRate / main.initialRate }
      : {}),
    ...scheduler.settings,
  };
  const state = beginningState();
  return {
    path,
    kind: "pth",
    ...ownConfig(file),
    rates,
    classes: file.classes,
    weights: file.tensors,
    ema: file.ema,
    nextEpoch: epoch + 1,
    seed: null,
    freeze: [],
    state,
    optimizer: (config) => readOptimizer({ file, pth, groups, config: { ...config, param_dict_type: grouping } }),
    differences: ({ progress, rates: plan }) => {
      const lines = scheduler.differences({ progress, rates: plan });
      const here = plan.at(progress).learningRates;
      const other = groups.find(({ rate }, i) => Math.abs(rate - here[i]) > 1e-6 * Math.abs(rate));
      if (progress.epoch === epoch + 1 && other && lines.length === 0) {
        lines.push(
          `learning rate: ${groups.map(({ rate }) => rate).join(", ")} in the checkpoint, ${here.join(", ")} here`,
        );
      }
      return lines;
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** What an official checkpoint does not keep: random streams and history begin afresh, and so does the best metric. */
function beginningState(): StateMap {
  return {
    random: { processes: [{ denoising: { counter: 0 }, noise: { counter: 0 } }] },
    best: { regular: { ...NO_BEST }, ema: { ...NO_BEST } },
    history: [],
    losses: [],
    overrides: [],
  };
}

/** The configuration in the file's `args`, or why there is none. */
function ownConfig(file: WeightsFile): Pick<TrainingRecord, "config" | "whyNoConfig"> {
  try {
    const config = resolveFileConfig(file);
    return { config, whyNoConfig: config ? null : `${file.path}: expected a configuration in "args" but found none` };
  } catch (error) {
    if (error instanceof DinogradError && error.kind === "config") return { config: null, whyNoConfig: error.message };
    throw error;
  }
}

/** Names every number and gathers moments and counts. Moments are read when asked for, counts now. */
async function readOptimizer({ file, pth, groups, config }: {
  readonly file: WeightsFile;
  readonly pth: PthFile;
  readonly groups: readonly OfficialGroup[];
  readonly config: DinoConfig;
}): Promise<OptimizerRecord> {
  const place = `${file.path}, optimizer`;
  const names = namesOfIndices(groups, { config, place });
  const state = pickleGet(pickleGet(pth.root, "optimizer"), "state");
  if (!(state instanceof Map)) {
    throw new DinogradError("checkpoint", `${place}: expected a state by number but found none`);
  }
  const moments = new Map<string, NamedWeight>();
  const steps = new Map<string, number>();
  for (const [index, entry] of state) {
    const name = typeof index === "number" ? names.get(index) : undefined;
    if (name === undefined) {
      throw new DinogradError("checkpoint", `${place}: expected numbers of parameters but found ${describe(index)}`);
    }
    const shape = file.tensors.get(name)?.shape;
    for (const kind of ["exp_avg", "exp_avg_sq"]) {
      const tensor = pickleGet(entry, kind);
      if (!(tensor instanceof PthTensor)) {
        throw new DinogradError("checkpoint", `${place}, ${name}: expected ${kind} but found none`);
      }
      if (shape === undefined || !sameShape(shape, tensor.shape)) {
        const expected = shape === undefined ? "its weight in the file" : formatShape(shape);
        throw new DinogradError(
          "checkpoint",
          `${place}, ${name}: expected ${kind} of ${expected} but found ${formatShape(tensor.shape)}; ` +
            "numbers do not go with the parameters of this configuration",
        );
      }
      moments.set(`${kind}/${name}`, { dtype: tensor.dtype, shape: tensor.shape, read: () => pth.read(tensor) });
    }
    const count = pickleGet(entry, "step");
    const step = count instanceof PthTensor ? toNumbers(await pth.read(count))[0] : count;
    steps.set(name, countAt(step, `${place}, ${name}, step`));
  }
  return { moments, steps };
}

/** The parameter's name for every number of the groups. */
function namesOfIndices(
  groups: readonly OfficialGroup[],
  { config, place }: { readonly config: DinoConfig; readonly place: string },
): Map<number, string> {
  // The official code knows no frozen parts of a ResNet but its stem and first stage.
  const isResNet = backboneArchitecture(config).kind === "resnet";
  const model = outlineModel(isResNet ? { ...config, backbone_freeze_keywords: null } : config);
  const own = parameterGroups(model, config);
  const counts = (lists: readonly { readonly length: number }[]) => lists.map(({ length }) => length).join(" + ");
  const [expected, found] = [own.map(({ parameters }) => parameters), groups.map(({ indices }) => indices)].map(counts);
  if (expected !== found) {
    throw new DinogradError(
      "checkpoint",
      `${place}: expected groups of ${expected} parameters (${config.param_dict_type}) but found ${found}; ` +
        "the checkpoint belongs to another configuration",
    );
  }
  return new Map(groups.flatMap(({ indices }, g) => indices.map((index, i) => [index, own[g].parameters[i][0]])));
}

function readGroups(optimizer: PickleValue | undefined, place: string): OfficialGroup[] {
  const groups = pickleGet(optimizer, "param_groups");
  if (!Array.isArray(groups)) throw new DinogradError("checkpoint", `${place}: expected param_groups but found none`);
  if (groups.length > MOST_GROUPS) {
    throw new DinogradError(
      "checkpoint",
      `${place}: expected at most ${MOST_GROUPS} groups but found ${groups.length}`,
    );
  }
  return groups.map((group, g) => {
    const inGroup = `${place}, group ${g}`;
    const params = pickleGet(group, "params");
    const indices = params instanceof PickleTuple ? params.items : params;
    if (!isList(indices)) throw new DinogradError("checkpoint", `${inGroup}: expected numbers of parameters`);
    const number = (key: string) => numberAt(pickleGet(group, key), `${inGroup}, ${key}`);
    const first = ["max_lr", "initial_lr", "lr"].find((key) => typeof pickleGet(group, key) === "number");
    return {
      indices: indices.map((index, i) => numberAt(index, `${inGroup}, parameter ${i}`)),
      rate: number("lr"),
      initialRate: number(first ?? "lr"),
      weightDecay: number("weight_decay"),
    };
  });
}

function isList(value: PickleValue | readonly PickleValue[] | undefined): value is readonly PickleValue[] {
  return Array.isArray(value);
}

/** A number out of a pickle. @throws DinogradError of kind "checkpoint" for anything else */
function numberAt(value: PickleValue | undefined, place: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new DinogradError(
    "checkpoint",
    `${place}: expected a number but found ${value === undefined ? "none" : typeof value}`,
  );
}

function countAt(value: PickleValue | undefined, place: string): number {
  return new StateReader(numberAt(value, place), place).count();
}
