/**
 * Where a run starts: the one place that decides. Either it continues from a checkpoint (`resume.ts`), or it begins, with
 * fresh weights or with those of a file (`start/fresh.ts`). A start is first planned, which changes nothing and is all
 * that a dry run does, then applied.
 */

import { listBundles } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { RunUi, TrainOptions } from "../../config/mod.ts";
import { runFiles } from "../../logs/run_files.ts";
import type { Start } from "./common.ts";
import { openFreshStart } from "./fresh.ts";
import { findResumePath, openResume } from "./resume.ts";

/** Decides where a run starts. @throws DinogradError for files and settings that do not go together */
export async function openStart(options: TrainOptions, ui: RunUi): Promise<Start> {
  const { resume, outputDir } = options;
  if (resume !== "auto") await refuseOtherRun(outputDir, resume);
  const path = resume === null ? null : await findResumePath({ ...options, resume }, ui);
  return path === null ? openFreshStart(options, ui) : await openResume(path, options, ui);
}

/** A run may replace its own bundles, not those of another. */
async function refuseOtherRun(folder: string, resume: string | null): Promise<void> {
  if (folder === "") return;
  const here = runFiles.absolute(folder);
  if (resume !== null && runFiles.folderOf(runFiles.absolute(resume)) === here) return;
  if (!runFiles.exists(folder)) return;
  const { bundles, bad } = await listBundles(folder);
  const [first] = [...bundles, ...bad];
  if (first === undefined) return;
  throw new DinogradError(
    "usage",
    `train: expected a folder without another run but found ${first.path}; --resume auto continues from it, another ` +
      "--output_dir begins a new run beside it",
  );
}
