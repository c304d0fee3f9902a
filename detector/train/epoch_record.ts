/** What an epoch came to: its line of `log.txt`, and its entry in the history that bundles carry. */

import type { Evaluation } from "../eval/evaluate.ts";
import type { TrainingSession } from "./session.ts";

/** Evaluations of the weights and, where there is one, of their average; none where the epoch is not evaluated. */
export interface EpochEvaluations {
  readonly regular?: Evaluation;
  readonly ema?: Evaluation;
}

/** The record without a time. `batches`: of the whole epoch. */
export function epochRecord(session: TrainingSession, { regular, ema, batches }: EpochEvaluations & {
  readonly batches: number;
}) {
  const { progress: { epoch, step }, skipped: { epoch: { images, batches: passedOver } }, trace } = session;
  const losses = trace.filter((entry) => entry.step < step).slice(-(batches - passedOver));
  return {
    epoch,
    step,
    train_loss: losses.reduce((sum, { loss }) => sum + loss, 0) / Math.max(1, losses.length),
    ...Object.fromEntries(Object.entries(regular?.losses ?? {}).map(([name, value]) => [`test_${name}`, value])),
    ...(regular ? { test_coco_eval_bbox: Object.values(regular.stats) } : {}),
    ...(ema ? { ema_test_coco_eval_bbox: Object.values(ema.stats) } : {}),
    ...(images > 0 ? { train_skipped_images: images } : {}),
    ...(regular && regular.skipped.length > 0 ? { test_skipped_images: regular.skipped.length } : {}),
  };
}
