/** What `detect --show` can draw of a model's inside, with a word on each. */
export const LOOK_KINDS = {
  sampling: "where a query looks, by level, head and weight",
  anchors: "how boxes move through the decoder's layers",
  queries: "where all queries end, by score",
  selection: "which tokens became the first anchors",
  attention: "whom a query listens to",
} as const;

/** One of `LOOK_KINDS`. */
export type LookKind = keyof typeof LOOK_KINDS;
