/** Reports on an evaluation: thresholds, curves, confusions, kinds of errors and the worst images. */
export { type Confusion, confusionMatrix, type ConfusionOptions } from "./confusion.ts";
export { type ClassCurves, classCurves, type CurvePoint } from "./curves.ts";
export { type ErrorCost, type ErrorCosts, errorCosts } from "./error_costs.ts";
export {
  type DetectionErrorKind,
  ERROR_KINDS,
  type JudgedDetection,
  judgeDetections,
  type JudgedImage,
  type JudgedTruth,
  type JudgeOptions,
} from "./judge.ts";
export { type EvaluationReport, type ImageErrors, reportOn } from "./report.ts";
export { writeReport, type WriteReportOptions } from "./write_report.ts";
