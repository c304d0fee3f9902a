/** COCO evaluation of detections: the twelve numbers, by category, from files or while a model runs. */
export { type CocoEvalResult, evaluateDetections, IOU_THRESHOLDS, RECALLS } from "./coco_eval.ts";
export { CocoEvaluator, type ImageDetections } from "./coco_evaluator.ts";
export { boxIou } from "./matching.ts";
export { parseCocoAnnotations, parseCocoDetections } from "./read_coco.ts";
export { parseDetections } from "./read_detections.ts";
export { COCO_STAT_NAMES, scoreText } from "./types.ts";
export type {
  CategoryResult,
  CocoAnnotation,
  CocoAnnotations,
  CocoBox,
  CocoDetection,
  CocoEvalOptions,
  CocoStatName,
  CocoStats,
} from "./types.ts";
