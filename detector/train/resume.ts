/**
 * Going on from a checkpoint: a bundle of ours or an official `.pth`. Without further wishes everything must match, and
 * a bundle's run goes on as it was, bit by bit. `--finetune_ignore` lets parameters start afresh, with their moments;
 * `--start_epoch` moves to the beginning of an epoch. Both make it another run from there, and it says so.
 */

import { newestSound } from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { RunUi, TrainOptions } from "../config/mod.ts";
import { openWeights } from "../weights/mod.ts";
import { openBundleRecord } from "./bundle_record.ts";
import { openOfficialRecord } from "./official_record.ts";
import { planResume } from "./resume_plan.ts";
import { settleConfig } from "./settle_config.ts";
import type { Start } from "./start.ts";
import { type StateMap, type TrainingRecord, weightsAlone } from "./training_record.ts";

export { configOf } from "./bundle_record.ts";

/** A bundle whose run goes on as it was. */
export interface ResumePoint {
  readonly path: string;
  readonly content: { readonly state: StateMap };
}

/** The path to resume from, or null to start afresh. Damaged bundles that `auto` passes over are named. */
export async function findResumePath(resume: string, folder: string, ui: RunUi): Promise<string | null> {
  if (/^https?:/.test(resume)) {
    throw new DinogradError("usage", `--resume: expected a file but found an address, ${resume}; download it first`);
  }
  if (resume !== "auto") return resume;
  const { newest, bad } = await newestSound(folder);
  for (const { reason } of bad) ui.warn(`passed over a bundle that is not sound: ${reason}`);
  if (newest) return newest.path;
  ui.say(`no sound bundle in ${folder}: starting afresh`);
  return null;
}

/**
 * Opens what a training can go on from.
 * @throws DinogradError of kind "checkpoint" where the file is none, is damaged, or holds weights alone
 */
export async function openRecord(path: string): Promise<TrainingRecord> {
  await using opening = new AsyncDisposableStack();
  const file = opening.use(await openWeights(path));
  const { bundle, pth } = file;
  const record = bundle ? await openBundleRecord(file, bundle) : pth ? openOfficialRecord(file, pth) : undefined;
  if (!record) throw weightsAlone(path);
  opening.move(); // the record closes the file
  return record;
}

/** Opens a checkpoint and settles what goes on from it. */
export async function openResume(path: string, options: TrainOptions, ui: RunUi): Promise<Start> {
  if (options.classMap !== null && options.finetuneIgnore.length === 0) {
    throw new DinogradError(
      "usage",
      "--class_map: expected --pretrain_model_path or --finetune_ignore beside it but found --resume alone, which keeps " +
        "every class as it is; --pretrain_model_path FILE in place of --resume carries classes over to other names",
    );
  }
  await using opening = new AsyncDisposableStack();
  const record = opening.use(await openRecord(path));
  const exact = record.kind === "bundle" && options.finetuneIgnore.length === 0 && options.startEpoch === null;
  const { config, overridden } = settleConfig({
    path,
    recorded: record.config,
    whyNoConfig: record.whyNoConfig,
    rates: record.rates,
    given: options.config,
    changes: options.configChanges,
    override: options.override,
    exact,
  }, ui);
  const freeze = settleFreeze(record.freeze, options.freeze, ui);
  const isSame = exact && freeze.join() === record.freeze.join();
  const opened = opening.move();
  return {
    config,
    seed: record.seed ?? options.seed,
    freeze,
    point: isSame ? { path, content: { state: record.state } } : null,
    plan: (session) => planResume(session, { record, exact, overridden, options }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
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
