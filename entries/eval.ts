/**
 * Evaluation: COCO's twelve numbers, of a checkpoint over a data set or of detections from anywhere, and reports on what
 * the numbers do not say.
 *
 * ```ts
 * import { CocoEvaluator } from "@dinograd/dinograd/eval";
 *
 * const evaluator = new CocoEvaluator({
 *   images: [{ id: 7 }],
 *   categories: [{ id: 1, name: "card" }],
 *   annotations: [{ id: 1, image_id: 7, category_id: 1, bbox: [10, 10, 40, 60] }], // left, top, width, height
 * });
 * const boxes = Float32Array.of(10, 10, 50, 64); // left, top, right, bottom
 * evaluator.add(7, { scores: Float32Array.of(0.9), labels: Int32Array.of(1), boxes });
 * console.log(evaluator.evaluate().stats.AP50.toFixed(2)); // 1.00
 * ```
 *
 * @module
 */
export {
  boxIou,
  type CategoryResult,
  COCO_STAT_NAMES,
  type CocoAnnotation,
  type CocoAnnotations,
  type CocoBox,
  type CocoDetection,
  type CocoEvalOptions,
  type CocoEvalResult,
  CocoEvaluator,
  type CocoStatName,
  type CocoStats,
  evaluateDetections,
  type ImageDetections,
  IOU_THRESHOLDS,
  parseCocoAnnotations,
  parseCocoDetections,
  parseDetections,
  RECALLS,
} from "../detector/eval/mod.ts";
export type { Evaluation } from "../detector/eval/evaluate.ts";
export { evaluateCheckpoint } from "../detector/eval/evaluate_checkpoint.ts";
export * from "../detector/eval/report/mod.ts";
