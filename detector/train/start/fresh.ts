/**
 * A run that begins: with fresh weights, with those of a whole model (`--pretrain_model_path`), or of a backbone
 * (`--backbone_weights`). Optimizer, schedule and counters start afresh, at the epoch of `--start_epoch`.
 */

import { opening } from "../../../engine/cleanup.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { RunUi, TrainOptions } from "../../config/mod.ts";
import { DEFAULT_SEED } from "../../config/run_options.ts";
import { pretrainedFile } from "../../model/backbone/pretrained.ts";
import {
  applyLoad,
  atCategoryIds,
  backboneFit,
  classesOfFile,
  keysWith,
  type LoadPlan,
  otherBackbone,
  planLoad,
  showLoad,
  type WeightsFile,
} from "../../weights/mod.ts";
import { openCheckpoint, unseenMismatch } from "../../zoo/mod.ts";
import type { TrainingSession } from "../session.ts";
import { overrideConfig, overrideRecords } from "./settle_config.ts";
import { beginningOf, readClassMap, showFrozen, type Start, type StartPlan, warnOfIdleKeywords } from "./common.ts";

/** Opens the files that the options name. */
export async function openFreshStart(options: TrainOptions, ui: RunUi): Promise<Start> {
  if (!options.config) {
    throw new DinogradError("usage", "train: expected -c with a preset or a config file but found none");
  }
  const { config, overridden } = overrideConfig(options.config, options.override, ui);
  const { pretrainModelPath } = options;
  // Weights of a whole model have the backbone's among them.
  const backboneWeights = options.backboneWeights ?? (pretrainModelPath === null ? pretrainedFile(config) : null);
  return await opening(async (opened) => {
    const files: { readonly file: WeightsFile; readonly within?: string }[] = [];
    if (backboneWeights !== null) {
      const file = opened.use(await openCheckpoint(backboneWeights, { ...options, ui, backboneAlone: true }));
      files.push({ file, within: "backbone." });
    }
    if (pretrainModelPath !== null) {
      const file = opened.use(await openCheckpoint(pretrainModelPath, { ...options, ui }));
      const mismatch = unseenMismatch(file, config);
      if (mismatch) ui.warn(mismatch);
      files.push({ file: file.layout === null ? file : atCategoryIds(file) });
    }
    return {
      config,
      seed: options.seed ?? DEFAULT_SEED,
      freeze: options.freeze,
      isFresh: true,
      classesFromData: options.classesFromData && !Object.hasOwn(options.override, "num_classes"),
      batchFromMemory: options.batchFromMemory && !Object.hasOwn(options.override, "batch_size"),
      point: null,
      keptSoFar: null,
      resultsSoFar: null,
      plan: (session) => {
        session.overrides = overrideRecords(overridden, 0);
        return Promise.resolve(planFresh(session, { options, files }));
      },
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  });
}

function planFresh(session: TrainingSession, { options, files }: {
  readonly options: TrainOptions;
  readonly files: readonly { readonly file: WeightsFile; readonly within?: string }[];
}): StartPlan {
  const { model } = session;
  const progress = beginningOf(options.startEpoch ?? 0, session);
  const classMap = readClassMap(options.classMap);
  if (classMap && options.pretrainModelPath === null) {
    throw new DinogradError(
      "usage",
      "--class_map: expected weights of a checkpoint to carry over but found none; --pretrain_model_path FILE names them",
    );
  }
  const plans: { readonly file: WeightsFile; readonly plan: LoadPlan }[] = files.map(({ file, within }) => ({
    file,
    plan: planLoad(model, file.tensors, {
      ignore: options.finetuneIgnore,
      within,
      // A backbone knows no classes.
      ...(within === undefined
        ? { fileClasses: classesOfFile(file, classMap), modelClasses: session.classes, classMap }
        : {}),
    }),
  }));
  const misfits = plans.flatMap(({ file, plan }) => misfitOfBackbone(session, { file, plan }) ?? []);
  for (const { file, plan } of plans) requireSomething(plan, file.path);
  return {
    progress,
    show(ui) {
      for (const { file: { path }, plan } of plans) {
        ui.say(`weights of ${path}:`);
        showLoad(plan, ui);
      }
      for (const misfit of misfits) ui.warn(misfit);
      const names = [...model.stateDict().keys(), ...plans.flatMap(({ file }) => [...file.tensors.keys()])];
      warnOfIdleKeywords("--finetune_ignore", options.finetuneIgnore, { names, ui });
      showFrozen(model, options.freeze, ui);
      if (progress.epoch > 0) ui.say(`starts at epoch ${progress.epoch}, step ${progress.step}`);
    },
    async apply() {
      for (const { plan } of plans) await applyLoad(plan);
      session.ema?.copy();
      session.progress = progress;
    },
  };
}

/** @throws DinogradError("config") where a file has nothing for the model: it is another model's, or the wrong file */
function requireSomething(plan: LoadPlan, path: string): void {
  const found = ["loaded", "carried over", "ignored"] as const;
  if (found.some((outcome) => keysWith(plan, outcome).length > 0)) return;
  throw new DinogradError("config", `${path}: expected weights of this model but found none with its names and shapes`);
}

/**
 * One line where a file has a backbone of which little or nothing fits the model's.
 * @throws DinogradError("config") where the file would give nothing else
 */
function misfitOfBackbone(
  { model }: TrainingSession,
  { file, plan }: { readonly file: WeightsFile; readonly plan: LoadPlan },
): string | undefined {
  const { loaded, total } = backboneFit(plan);
  const other = otherBackbone(model, file.tensors);
  const hasBackbone = [...file.tensors.keys()].some((name) => name.startsWith("backbone."));
  const isMisfit = other === undefined ? hasBackbone && 2 * loaded < total : loaded < total;
  if (!isMisfit) return undefined;
  const line = `${file.path}: expected weights of the model's backbone but found ${loaded} of its ${total} tensors` +
    (other === undefined ? "" : ` (${other})`);
  const others = keysWith(plan, "loaded").length + keysWith(plan, "carried over").length - loaded;
  if (others > 0) return `${line}; the rest of it starts afresh, and all of it with --finetune_ignore backbone`;
  throw new DinogradError("config", `${line}; name a file of that backbone, or another with --options backbone=NAME`);
}
