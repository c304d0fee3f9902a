/**
 * Continuing from a checkpoint: a bundle of ours or an official `.pth`. Without further requests everything must match, and
 * a bundle's run continues unchanged, bit by bit. `--finetune_ignore` lets parameters start afresh, with their moments;
 * `--start_epoch` moves to the beginning of an epoch. Both make it another run from there, and it says so.
 */

import { opening } from "../../../engine/cleanup.ts";
import {
  type BadFile,
  listBundles,
  newestSound,
  RESUME_NAME,
  setAside,
  stateField,
  type StateValue,
} from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { DinoConfig, RunUi, TrainOptions } from "../../config/mod.ts";
import { DEFAULT_SEED } from "../../config/run_options.ts";
import { openWeights } from "../../weights/mod.ts";
import { stumbleOf } from "../records/stumble.ts";
import { openBundleRecord } from "./bundle_record.ts";
import { openOfficialRecord } from "./official_record.ts";
import { recordedKeep } from "../records/kept_bundles.ts";
import { recordedResults } from "../report/run_results.ts";
import { planResume } from "./plan.ts";
import { settleConfig } from "./settle_config.ts";
import type { Start } from "./common.ts";
import { type TrainingRecord, weightsAlone } from "./training_record.ts";

/** Which bundle of a folder `--resume auto` continues from, and which it passes over. */
interface FolderChoice {
  /** Null only where the folder holds no bundle at all. */
  readonly path: string | null;
  readonly damaged: readonly BadFile[];
}

/**
 * Chooses without changing anything. A run that is there is never begun again in silence, and a bundle that may be sound
 * never passed over.
 * @throws DinogradError of kind "checkpoint" where every bundle is damaged, or one is out of reach that may be the newest
 */
export async function chooseFromFolder(folder: string): Promise<FolderChoice> {
  const { newest, bad } = await newestSound(folder, {
    accepts: (state) => !isWeightsAlone(state),
    objection: stumbleOf,
  });
  const outOfReach = bad.find(({ isDamaged }) => !isDamaged);
  if (outOfReach && newest?.name !== RESUME_NAME) {
    throw new DinogradError(
      "checkpoint",
      `${outOfReach.reason}; it may be the newest state, so none is passed over for it: --resume FILE names another`,
    );
  }
  const damaged = bad.filter(({ isDamaged }) => isDamaged);
  if (newest) return { path: newest.path, damaged };
  const [first] = damaged;
  if (first) {
    const others = damaged.length > 1 ? ` (and ${damaged.length - 1} more)` : "";
    if (damaged.every(({ isNonfinite }) => isNonfinite)) {
      throw new DinogradError(
        "nonfinite",
        `${folder}: expected a bundle from which the loss is finite but found none: ${first.reason}${others}; another ` +
          "--output_dir and a smaller lr begin again",
      );
    }
    throw new DinogradError(
      "checkpoint",
      `${folder}: expected a sound bundle but found only damaged ones: ${first.reason}${others}; ` +
        "dinograd repair sets them aside, after which --resume auto starts afresh",
    );
  }
  // Weights alone are no run: opening them says what to do.
  return { path: (await listBundles(folder)).bundles[0]?.path ?? null, damaged };
}

function isWeightsAlone(state: StateValue): boolean {
  return stateField(state, "kind") === "dinograd weights";
}

/** Whether a file to resume from is an address on the web instead. */
export const isAddress = (resume: string) => /^https?:/.test(resume);

/**
 * The path to resume from, or null to start afresh. Damaged bundles that `auto` passes over are named, and set aside
 * unless it is a dry run: the next save would replace them.
 */
export async function findResumePath(
  { resume, outputDir, dryRun }: Pick<TrainOptions, "outputDir" | "dryRun"> & { readonly resume: string },
  ui: RunUi,
): Promise<string | null> {
  if (isAddress(resume)) {
    throw new DinogradError("usage", `--resume: expected a file but found an address, ${resume}; download it first`);
  }
  if (resume !== "auto") return resume;
  const { path, damaged } = await chooseFromFolder(outputDir);
  for (const bad of damaged) {
    const aside = dryRun ? "" : `; set aside as ${await setAside(bad.path, { isNonfinite: bad.isNonfinite ?? false })}`;
    ui.warn(`passed over a bundle that is not sound: ${bad.reason}${aside}`);
  }
  if (path === null) ui.say(`no bundle in ${outputDir}: starting afresh`);
  return path;
}

/**
 * Opens what a training can continue from.
 * @throws DinogradError of kind "checkpoint" where the file is none, is damaged, or holds weights alone
 */
export async function openRecord(path: string): Promise<TrainingRecord> {
  return await opening(async (opened) => {
    const file = opened.use(await openWeights(path));
    const { bundle, pth } = file;
    const record = bundle ? await openBundleRecord(file, bundle) : pth ? openOfficialRecord(file, pth) : undefined;
    if (!record) throw weightsAlone(path);
    return record;
  });
}

/** Opens a checkpoint and settles what continues from it. */
export async function openResume(path: string, options: TrainOptions, ui: RunUi): Promise<Start> {
  if (options.classMap !== null && options.finetuneIgnore.length === 0) {
    throw new DinogradError(
      "usage",
      "--class_map: expected --pretrain_model_path or --finetune_ignore beside it but found --resume alone, which keeps " +
        "every class as it is; --pretrain_model_path FILE in place of --resume carries classes over to other names",
    );
  }
  return await opening(async (opened) => {
    const record = opened.use(await openRecord(path));
    const exact = record.kind === "bundle" && options.finetuneIgnore.length === 0 && options.startEpoch === null;
    const { config, overridden } = settleConfig({
      path,
      recorded: record.config,
      whyNoConfig: record.whyNoConfig,
      rates: record.rates,
      given: withRecordedKeys(options, record.config),
      changes: options.configChanges,
      override: options.override,
      exact,
    }, ui);
    if (options.batchFromMemory && record.config !== null) {
      ui.say(`batch_size: ${config.batch_size}, as recorded: auto chooses where a run begins`);
    }
    const freeze = settleFreeze(record.freeze, options.freeze, ui);
    const isSame = exact && freeze.join() === record.freeze.join();
    if (options.strictResume && !isSame) {
      throw new DinogradError(
        "verification",
        `resume check: ${path}: ${whyAnother(record, options)}; leave --strict_resume out where that is meant`,
      );
    }
    return {
      config,
      seed: settleSeed(record.seed, options.seed, { exact, ui }),
      freeze,
      isFresh: false,
      classesFromData: false, // that of the checkpoint
      batchFromMemory: options.batchFromMemory && record.config === null,
      point: isSame ? { path, content: { state: record.state } } : null,
      keptSoFar: record.kind === "bundle" ? recordedKeep({ ...record.state }, path) : null,
      resultsSoFar: recordedResults({ ...record.state }),
      plan: (session) => planResume(session, { record, exact, overridden, options }),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  });
}

/** The configuration of `-c`; where it says nothing of classes, or leaves the batch open, they are the checkpoint's. */
export function withRecordedKeys(
  { config, classesFromData, batchFromMemory }: Pick<TrainOptions, "config" | "classesFromData" | "batchFromMemory">,
  recorded: DinoConfig | null,
): DinoConfig | null {
  if (config === null || recorded === null) return config;
  const { num_classes, dn_labelbook_size, batch_size } = recorded;
  return {
    ...config,
    ...(classesFromData ? { num_classes, dn_labelbook_size } : {}),
    ...(batchFromMemory ? { batch_size } : {}),
  };
}

/** A run that continues unchanged keeps its seed, since it would be another run with other random numbers. */
function settleSeed(
  recorded: number | null,
  given: number | null,
  { exact, ui }: { readonly exact: boolean; readonly ui: RunUi },
): number {
  if (recorded === null || given === null || recorded === given) return given ?? recorded ?? DEFAULT_SEED;
  if (!exact) {
    ui.say(`seed: ${given} (--seed) from here on, ${recorded} in the checkpoint`);
    return given;
  }
  ui.warn(
    `--seed: the checkpoint's ${recorded} wins over ${given}, because a resumed run continues unchanged; ` +
      "--pretrain_model_path in place of --resume begins a run with another seed",
  );
  return recorded;
}

function whyAnother({ kind }: TrainingRecord, { finetuneIgnore, startEpoch }: TrainOptions): string {
  if (kind === "pth") return "an official checkpoint records nothing that a run could be compared with";
  const flag = finetuneIgnore.length > 0 ? "--finetune_ignore" : startEpoch !== null ? "--start_epoch" : "--freeze";
  return `${flag} makes it another run than the recorded one`;
}

/** A run keeps what it froze, unless it is told otherwise; `none` frees everything. */
function settleFreeze(recorded: readonly string[], given: readonly string[], ui: RunUi): readonly string[] {
  if (given.length === 0) return recorded;
  const wanted = given.join() === "none" ? [] : given;
  if (recorded.length > 0 && wanted.join() !== recorded.join()) {
    ui.warn(`--freeze: ${wanted.join(", ") || "nothing"} now, ${recorded.join(", ")} in the checkpoint`);
  }
  return wanted;
}
