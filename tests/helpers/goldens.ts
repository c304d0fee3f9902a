/**
 * Runs goldens of a folder on a device, driven by the files alone: names, shapes, configurations and cases all come from
 * them. Every file except the checkpoints, which have a runner of their own.
 */

import type { Device } from "../../engine/device/device.ts";
import { runBackboneCase } from "./backbone_goldens.ts";
import { runCocoGoldens } from "./coco_goldens.ts";
import type { Worst } from "./compare.ts";
import { runDataGoldens } from "./data_goldens.ts";
import { runFullGolden } from "./full_goldens.ts";
import { isDetectorModule, runModuleCase, runPostprocessCase, runResnetCase } from "./detector_goldens.ts";
import { runLayerGoldens, runMsdaGolden } from "./layer_goldens.ts";
import { runLrGolden } from "./lr_goldens.ts";
import { runCdnCase, runCriterionCase, runTrainGolden } from "./training_goldens.ts";

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

interface GoldenCase {
  readonly name: string;
  readonly run: (device: Device) => Promise<{ worst: number; where: string }>;
}

const ofWorst = async (promise: Promise<Worst>) => {
  const { ratio, where } = await promise;
  return { worst: ratio, where };
};

const ofList = async (promise: Promise<readonly { name: string; worst: number; where: string }[]>) => {
  const results = await promise;
  if (results.length === 0) return { worst: Infinity, where: "no case" };
  const { name, worst, where } = results.reduce((a, b) => b.worst > a.worst ? b : a);
  return { worst, where: `${name}: ${where}` };
};

const ofLayers = (promise: Promise<readonly { readonly case: string; readonly worst: Worst }[]>) =>
  ofList(
    promise.then((list) => list.map((one) => ({ name: one.case, worst: one.worst.ratio, where: one.worst.where }))),
  );

/** The cases of one file. Its contents are what the goldens' README says, and are checked by what uses them. */
// deno-lint-ignore no-explicit-any -- a golden's JSON; each runner declares the fields it reads
function casesOf(file: string, golden: any, folder: string): GoldenCase[] {
  // deno-lint-ignore no-explicit-any -- as above
  type Golden = any;
  const each = (run: (one: Golden, device: Device) => Promise<Worst>): GoldenCase[] =>
    golden.cases.map((one: Golden, i: number) => ({
      name: one.id ?? `${i}`,
      run: (device: Device) => ofWorst(run(one, device)),
    }));
  const whole = (run: () => Promise<{ worst: number; where: string }>): GoldenCase[] => [{ name: "all", run }];
  if (file.startsWith("full_")) return [{ name: "model", run: (device) => ofWorst(runFullGolden(golden, device)) }];
  if (file.startsWith("train_")) return [{ name: "steps", run: (device) => ofWorst(runTrainGolden(golden, device)) }];
  switch (file) {
    case "modules":
      return [
        { name: "layers", run: (device) => ofLayers(runLayerGoldens(golden, device)) },
        ...Object.entries<Golden>(golden).filter(([name]) => isDetectorModule(name)).flatMap(([name, part]) =>
          (part.cases ?? [part]).map((one: Golden, i: number) => ({
            name: `${name} ${one.id ?? i}`,
            run: (device: Device) => ofWorst(runModuleCase(name, one, device)),
          }))
        ),
      ];
    case "msda":
      return [{ name: "all", run: (device) => ofLayers(runMsdaGolden(golden, device)) }];
    case "resnet":
      return each(runResnetCase);
    case "swin":
    case "convnext":
      return each(runBackboneCase);
    case "cdn":
      return each(runCdnCase);
    case "criterion":
      return each(runCriterionCase);
    case "postprocess":
      return each(runPostprocessCase);
    case "lr":
      return whole(() =>
        ofList(
          Deno.readTextFile(`${folder}/lr.json`).then((text) =>
            runLrGolden(text).map((one) => ({ name: one.case, worst: one.ratio, where: one.golden }))
          ),
        )
      );
    case "data":
      return whole(() => ofList(runDataGoldens(folder)));
    case "coco_expected":
      return whole(() => ofList(runCocoGoldens(folder)));
    default:
      return [];
  }
}

/** Files that are parts of others or describe the formula. */
const PARTS = ["coco_gt", "coco_dt", "ckpt_manifest", "formula_check"];

export interface RunOptions {
  /** Only files whose name contains this. */
  readonly only?: string;
  readonly onResult?: (result: GoldenResult) => void;
}

/** Runs the folder's goldens, one after the other. A case that throws has failed with an infinite error. */
export async function runGoldens(folder: string, device: Device, options: RunOptions = {}): Promise<GoldenResult[]> {
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .filter((name) => !PARTS.includes(name) && name.includes(options.only ?? ""))
    .sort();
  const results: GoldenResult[] = [];
  for (const file of files) {
    const cases = casesOf(file, JSON.parse(await Deno.readTextFile(`${folder}/${file}.json`)), folder);
    if (cases.length === 0) {
      cases.push({
        name: "all",
        run: () => Promise.reject(new Error("no runner for this file")),
      });
    }
    for (const { name, run } of cases) {
      const start = performance.now();
      const { worst, where } = await run(device).catch((error) => ({ worst: Infinity, where: String(error) }));
      const result = { file, name, worst, where, seconds: (performance.now() - start) / 1000 };
      results.push(result);
      options.onResult?.(result);
    }
  }
  return results;
}
