/**
 * Curves of training runs, read from the files a run writes: the loss of every step from `trace.jsonl`, and average
 * precision after every epoch from `log.txt`.
 */
import { DinogradError } from "../../../engine/errors.ts";
import { linePlot, type Series } from "../../draw/mod.ts";
import { runFiles } from "../../logs/run_files.ts";

/** One epoch's evaluation. */
interface EpochScore {
  /** Optimizer steps done. */
  readonly step: number;
  readonly epoch: number;
  readonly ap: number;
  readonly ap50: number;
  /** AP50 of the moving average, where there is one. */
  readonly emaAp50: number | null;
  /** When the epoch ended, in milliseconds since 1970, or null if the log does not say. */
  readonly time: number | null;
}

/** The losses of a run's steps, in their order. A torn last line is passed over. */
export function readLosses(folder: string): [step: number, loss: number][] {
  const byStep = new Map<number, number>();
  for (const { step, loss } of jsonLines(`${folder}/trace.jsonl`)) {
    if (typeof step === "number" && typeof loss === "number") byStep.set(step, loss); // run again: the last time counts
  }
  return [...byStep].sort(([a], [b]) => a - b);
}

/** The evaluations of a run, in their order. */
export function readScores(folder: string): EpochScore[] {
  const file = `${folder}/log.txt`;
  const lines = runFiles.exists(file) ? jsonLines(file) : [];
  return lines.flatMap((line) => {
    const [stats, ema] = [line.test_coco_eval_bbox, line.ema_test_coco_eval_bbox];
    if (!Array.isArray(stats)) return [];
    return [{
      step: Number(line.step),
      epoch: Number(line.epoch),
      ap: Number(stats[0]),
      ap50: Number(stats[1]),
      emaAp50: Array.isArray(ema) ? Number(ema[1]) : null,
      time: typeof line.now_time === "string" ? Date.parse(line.now_time) : null,
    }];
  });
}

/** The mean of every value with those up to `radius` places away: the trend of a noisy curve. */
function smoothed(points: readonly (readonly [number, number])[], radius: number): [number, number][] {
  return points.map(([x], at) => {
    const near = points.slice(Math.max(0, at - radius), at + radius + 1);
    return [x, near.reduce((sum, [, y]) => sum + y, 0) / near.length];
  });
}

/** The losses of several runs as an SVG document. @throws DinogradError of kind "data" if a run recorded no steps */
export function lossPlot(
  runs: readonly { readonly name: string; readonly folder: string }[],
  { title = "training loss" }: { readonly title?: string } = {},
): string {
  const curves = runs.map(({ name, folder }) => ({ name, folder, points: readLosses(folder) }));
  const empty = curves.find(({ points }) => points.length === 0);
  if (empty) throw new DinogradError("data", `${empty.folder}: expected steps in trace.jsonl but found none`);
  // The same for all, so that equal runs look equal.
  const radius = Math.floor(Math.max(...curves.map(({ points }) => points.length)) / 100);
  const series = curves.map(({ name, points }) => ({ name, points: smoothed(points, radius) }));
  return linePlot(series, { title, xLabel: "optimizer steps", yLabel: "loss", logarithmic: true });
}

/** AP50 of several runs against optimizer steps, as an SVG document. */
export function scorePlot(
  runs: readonly { readonly name: string; readonly folder: string }[],
  { title = "AP50 on the validation set" }: { readonly title?: string } = {},
): string {
  const series: Series[] = [];
  for (const { name, folder } of runs) {
    const scores = readScores(folder);
    if (scores.length === 0) {
      throw new DinogradError("data", `${folder}: expected evaluations in log.txt but found none`);
    }
    series.push({ name, points: scores.map(({ step, ap50 }) => [step, ap50]) });
    const average = scores.flatMap(({ step, emaAp50 }) => emaAp50 === null ? [] : [[step, emaAp50] as const]);
    if (average.length > 0) series.push({ name: `${name}, moving average`, points: average });
  }
  return linePlot(series, { title, xLabel: "optimizer steps", yLabel: "AP50", yRange: [0, 1] });
}

function jsonLines(file: string): Record<string, unknown>[] {
  return runFiles.readText(file).split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === "object" && value !== null ? [value as Record<string, unknown>] : []; // any key may be asked for
    } catch {
      return [];
    }
  });
}
