/** The pictures of a report, as SVG documents by file name. */
import { barChart, heatmap, linePlot } from "../../draw/mod.ts";
import type { ClassCurves } from "./curves.ts";
import type { EvaluationReport } from "./report.ts";

/** So many curves can be told apart in one picture: those of the classes with the most objects. */
const MOST_CURVES = 10;

/** Draws curves, errors and confusions of a report. */
export function reportPictures({ iou, classes, errors, confusion }: EvaluationReport): Map<string, string> {
  const shown = classes.filter(({ annotations, points }) => annotations > 0 && points.length > 0)
    .toSorted((a, b) => b.annotations - a.annotations).slice(0, MOST_CURVES);
  const left = classes.length - shown.length;
  const of = left > 0 ? `, ${shown.length} of ${classes.length} classes` : "";
  const everyClass = [...confusion.names, "background"];
  return new Map([
    [
      "precision_recall",
      linePlot(
        shown.map((one) => ({
          name: legendOf(one),
          points: one.points.map(({ recall, precision }) => [recall, precision]),
        })),
        {
          title: `Precision and recall at IoU ${iou}${of}`,
          xLabel: "recall",
          yLabel: "precision",
          xRange: [0, 1],
          yRange: [0, 1],
        },
      ),
    ],
    [
      "f1",
      linePlot(
        shown.map(({ name, points }) => ({ name, points: points.toReversed().map(({ score, f1 }) => [score, f1]) })),
        {
          title: `F1 by score threshold at IoU ${iou}${of}`,
          xLabel: "least score",
          yLabel: "F1",
          xRange: [0, 1],
          yRange: [0, 1],
        },
      ),
    ],
    [
      "errors",
      barChart(
        errors.map(({ kind, count, cost }) => ({ name: kind, value: cost, note: `${cost.toFixed(3)}  (${count})` })),
        { title: "What AP would gain if one kind of error were fixed" },
      ),
    ],
    [
      "confusion",
      heatmap({
        title: "Which class is taken for which",
        rowLabel: "true class",
        columnLabel: "detected class",
        rows: everyClass,
        columns: everyClass,
        counts: confusion.counts,
      }),
    ],
  ]);
}

const legendOf = ({ name, averagePrecision }: ClassCurves) =>
  averagePrecision < 0 ? name : `${name} ${averagePrecision.toFixed(2)}`;
