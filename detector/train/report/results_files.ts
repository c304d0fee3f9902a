/** A run's results as a table and as plots. */
import { arrangePictures, linePlot, type Marks, type Series } from "../../draw/mod.ts";
import { LOSS_KINDS, LOSS_SOURCES } from "./loss_parts.ts";
import { rateColumn, type RunResults } from "./run_results.ts";

/** `results.csv`: a line of names, then one per epoch (RFC 4180, with `\n`). What is not known is empty. */
export function resultsCsv({ columns, rows }: Pick<RunResults, "columns" | "rows">): string {
  const lines = [columns, ...rows.map((row) => columns.map((name) => String(row[name] ?? "")))];
  return lines.map((fields) => fields.map(quoted).join(",") + "\n").join("");
}

const quoted = (field: string) => /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;

const LABELS: Readonly<Record<string, string>> = {
  loss: "all",
  loss_ce: "class (ce)",
  loss_bbox: "distance (bbox)",
  loss_giou: "overlap (giou)",
  loss_decoder: "decoder",
  loss_denoising: "denoising",
  loss_encoder: "encoder",
};

/** `results.svg`: losses of training and of validation by part, precision and learning rates, over one axis of steps. */
export function resultsSvg(results: RunResults): string {
  const { rows, curve, groups, resumes } = results;
  const last = Math.max(1, rows.at(-1)?.step ?? 0, curve.points("train_loss").at(-1)?.[0] ?? 0);
  const marks: Marks[] = [
    { name: "resumed", at: resumes, kind: "line" },
    { name: "evaluated", at: rows.filter((row) => "AP" in row).map(({ step }) => step), kind: "foot" },
  ];
  const common = { xLabel: "optimizer steps", xRange: [0, last] as const, marks, width: 760, height: 400 };
  const byEpoch = (column: string, name: string): Series => ({
    name,
    points: rows.filter((row) => column in row).map((row) => [row.step, Number(row[column])]),
    dots: true,
  });
  const kinds = ["loss", ...LOSS_KINDS];
  const losses = (series: readonly Series[], title: string) =>
    linePlot(series, { ...common, title, yLabel: "loss", logarithmic: true, yRange: positiveRange(series) });
  const training = losses(
    kinds.map((name) => ({ name: LABELS[name], points: curve.points(`train_${name}`) })),
    "Training loss by kind",
  );
  const validation = losses(kinds.map((name) => byEpoch(`val_${name}`, LABELS[name])), "Validation loss by kind");
  const sources = losses(
    LOSS_SOURCES.map((name) => byEpoch(`train_${name}`, LABELS[name])),
    "Training loss by source, means over epochs",
  );
  const scores = [
    byEpoch("AP", "AP"),
    byEpoch("AP50", "AP50"),
    ...(rows.some((row) => "average_AP" in row)
      ? [byEpoch("average_AP", "AP of the average"), byEpoch("average_AP50", "AP50 of the average")]
      : []),
  ];
  const most = scores.flatMap(({ points }) => points).reduce((high, [, y]) => y > high ? y : high, 0);
  const precision = linePlot(scores, {
    ...common,
    title: "Average precision on the validation set",
    yLabel: "AP",
    yRange: [0, [0.01, 0.1, 0.25, 0.5].find((limit) => most <= limit) ?? 1],
  });
  const rates = linePlot(
    groups.map((group) => ({ name: group, points: curve.points(rateColumn(group)) })),
    { ...common, title: "Learning rate by parameter group", yLabel: "learning rate" },
  );
  const ended = rows.at(-1);
  const seconds = linePlot(
    [byEpoch("seconds", "seconds")],
    { ...common, title: `Seconds per epoch${ended ? ", evaluation included" : ""}`, yLabel: "s" },
  );
  return arrangePictures([[training, validation], [precision, sources], [rates, seconds]]);
}

/** What the positive values span, and a little more. */
function positiveRange(series: readonly Series[]): [number, number] {
  let low = Infinity, high = -Infinity;
  for (const { points } of series) {
    for (const [, y] of points) {
      if (!(y > 0)) continue;
      low = Math.min(low, y);
      high = Math.max(high, y);
    }
  }
  return low <= high ? [low / 1.2, high * 1.2] : [1, 10];
}
