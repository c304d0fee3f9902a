/**
 * What `detect --show` can draw of a model's inside, with a word on each.
 *
 * @category Looking inside
 */
export const LOOK_KINDS = {
  sampling: "where a query looks, by level, head and weight",
  anchors: "how boxes move through the decoder's layers",
  queries: "where all queries end, by score",
  selection: "which tokens became the first anchors",
  attention: "whom a query listens to",
} as const;

/**
 * One of `LOOK_KINDS`.
 *
 * @category Looking inside
 */
export type LookKind = keyof typeof LOOK_KINDS;

/**
 * What `dataset show --show` can draw of a training step on an image whose objects are known.
 *
 * @category Looking inside
 */
export const TRAINING_LOOK_KINDS = {
  matches: "which query is matched with which object",
  denoising: "denoising queries, and what the model restores",
} as const;

/**
 * One of `TRAINING_LOOK_KINDS`.
 *
 * @category Looking inside
 */
export type TrainingLookKind = keyof typeof TRAINING_LOOK_KINDS;
