/**
 * Runs goldens of a folder on a device, driven by the files alone: names, shapes, configurations and cases all come from
 * them. Nothing passes by being overlooked: a file, a module or an expected tensor that no runner knows has failed.
 */

import type { Device } from "../../engine/device/device.ts";
import { runBackboneCase } from "./backbone_goldens.ts";
import { runCheckpointGoldens } from "./checkpoint_goldens.ts";
import { runCocoGoldens } from "./coco_goldens.ts";
import { type NamedWorst, Worst } from "./compare.ts";
import { runDataGoldens } from "./data_goldens.ts";
import { isDetectorModule, runModuleCase, runPostprocessCase, runResnetCase } from "./detector_goldens.ts";
import { formula, type Spec } from "./formula.ts";
import { runFullGolden } from "./full_goldens.ts";
import { isLayer, runLayerCase, runMsdaCase } from "./layer_goldens.ts";
import { runLrGolden } from "./lr_goldens.ts";
import { runTrainGolden } from "./step_goldens.ts";
import { runCdnCase, runCriterionCase } from "./training_goldens.ts";

/** One compared case; it passes where `worst` is at most 1. */
export interface GoldenResult {
  readonly file: string;
  readonly name: string;
  /** The largest error over its tolerance. */
  readonly worst: number;
  /** What had it. */
  readonly where: string;
  readonly seconds: number;
}

// deno-lint-ignore no-explicit-any -- a golden's JSON; each runner declares the fields it reads
type Golden = any;

/** What runs together: one case, or all of a file where they share their preparation. */
interface GoldenRun {
  readonly name: string;
  readonly run: (device: Device) => Promise<readonly NamedWorst[]>;
}

const single = (name: string, run: (device: Device) => Promise<Worst>): GoldenRun => ({
  name,
  run: async (device) => [{ name, worst: await run(device) }],
});

const failing = (name: string, reason: string): GoldenRun => ({ name, run: () => Promise.reject(new Error(reason)) });

/** Each of the file's cases on its own. */
const cases = (run: (one: Golden, device: Device) => Promise<Worst>) => (golden: Golden): GoldenRun[] =>
  (golden.cases ?? []).map((one: Golden, i: number) => single(one.id ?? `${i}`, (device) => run(one, device)));

const together =
  (run: (folder: string) => Promise<readonly NamedWorst[]>) => (_: Golden, folder: string): GoldenRun[] => [{
    name: "all",
    run: () => run(folder),
  }];

function modules(golden: Golden): GoldenRun[] {
  return Object.entries<Golden>(golden).flatMap(([name, part]) => {
    if (!isLayer(name) && !isDetectorModule(name)) return [failing(name, "no runner for this module")];
    const run = isLayer(name) ? runLayerCase : runModuleCase;
    return (part.cases ?? [part]).map((one: Golden, i: number) =>
      single(`${name} ${one.id ?? i}`, (device) => run(name, one, device))
    );
  });
}

async function checkpoints(folder: string): Promise<NamedWorst[]> {
  const results: NamedWorst[] = [];
  for await (const { case: name, ok, message } of runCheckpointGoldens(folder)) {
    const worst = new Worst();
    worst.add(message, ok ? 0 : Infinity);
    results.push({ name, worst });
  }
  const unlisted = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".pth"))
    .filter((name) => results.every((result) => result.name !== name));
  const worst = new Worst();
  worst.equal(`in no manifest: ${unlisted}`, unlisted, []);
  return [...results, { name: "all files listed", worst }];
}

/** The formula itself, to the last bit. */
function formulaCheck(rows: readonly { readonly spec: Spec; readonly values: number[]; readonly sum: number }[]) {
  return rows.map(({ spec, values, sum }) =>
    single(spec.name ?? spec.kind, () => {
      const worst = new Worst();
      const made = formula(spec);
      worst.equal("values", made.subarray(0, values.length), values);
      worst.equal("sum", [made.reduce((total, value) => total + value, 0)], [sum]);
      return Promise.resolve(worst);
    })
  );
}

/** What runs, by the name of the file; a name that ends with "_" stands for all that begin with it. */
const FILES: Readonly<Record<string, (golden: Golden, folder: string) => GoldenRun[]>> = {
  full_: (golden) => [single("model", (device) => runFullGolden(golden, device))],
  train_: (golden) => [single("steps", (device) => runTrainGolden(golden, device))],
  modules,
  msda: cases(runMsdaCase),
  resnet: cases(runResnetCase),
  swin: cases(runBackboneCase),
  convnext: cases(runBackboneCase),
  cdn: cases(runCdnCase),
  criterion: cases(runCriterionCase),
  postprocess: cases(runPostprocessCase),
  formula_check: formulaCheck,
  ckpt_manifest: together(checkpoints),
  lr: together(async (folder) => runLrGolden(await Deno.readTextFile(`${folder}/lr.json`))),
  data: together(runDataGoldens),
  coco_expected: together(runCocoGoldens),
};

/** Files that others are about. */
const PARTS: Readonly<Record<string, string>> = {
  "coco_gt.json": "coco_expected",
  "coco_dt.json": "coco_expected",
};

/** What the folder holds to run: names without ".json", and what nobody knows how to run. */
function filesOf(folder: string): string[] {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const owned = (name: string) => {
    const owner = PARTS[name] ?? (name.endsWith(".pth") ? "ckpt_manifest" : undefined);
    return owner !== undefined && names.includes(`${owner}.json`);
  };
  // Notes about the goldens, and what made them.
  const described = (name: string) => /\.(md|py)$/.test(name);
  return names.filter((name) => !owned(name) && !described(name)).map((name) => name.replace(/\.json$/, "")).sort();
}

async function runsOf(folder: string, file: string): Promise<GoldenRun[]> {
  const kind = Object.keys(FILES).find((name) => name.endsWith("_") ? file.startsWith(name) : file === name);
  if (!kind) return [failing("all", "no runner for this file")];
  const runs = FILES[kind](JSON.parse(await Deno.readTextFile(`${folder}/${file}.json`)), folder);
  return runs.length > 0 ? runs : [failing("all", "the file holds no case")];
}

export interface RunOptions {
  /** Only files whose name contains this. */
  readonly only?: string;
  readonly onResult?: (result: GoldenResult) => void;
}

/** Runs the folder's goldens, one after the other. A case that throws has failed with an infinite error. */
export async function runGoldens(folder: string, device: Device, options: RunOptions = {}): Promise<GoldenResult[]> {
  const results: GoldenResult[] = [];
  for (const file of filesOf(folder).filter((name) => name.includes(options.only ?? ""))) {
    const runs = await runsOf(folder, file).catch((error) => [failing("all", String(error))]);
    for (const { name, run } of runs) {
      let start = performance.now();
      const thrown = (error: unknown): NamedWorst[] => {
        const worst = new Worst();
        worst.add(String(error), Infinity);
        return [{ name, worst }];
      };
      const found = await run(device).catch(thrown);
      for (const each of found.length > 0 ? found : thrown("no case")) {
        // What compared nothing has not passed.
        const { ratio, where } = each.worst.where === "" ? { ratio: Infinity, where: "nothing compared" } : each.worst;
        const seconds = (performance.now() - start) / 1000;
        start = performance.now();
        const result = { file, name: each.name, worst: ratio, where, seconds };
        results.push(result);
        options.onResult?.(result);
      }
    }
  }
  return results;
}
