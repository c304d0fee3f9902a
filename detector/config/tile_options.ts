/** How a large image is looked at in parts: what `detect --tile` and programs that detect have in common. */

/**
 * The ways to make one detection of those that several tiles give of one object.
 *
 * @category Detection
 */
export const MERGES = ["nms", "wbf"] as const;

/**
 * One of `MERGES`. `nms` keeps the best detection of an object; `wbf` takes the mean of all, weighted by their scores
 * (weighted boxes fusion, Solovyev et al., arXiv:1910.13302).
 *
 * @category Detection
 */
export type Merge = (typeof MERGES)[number];

/**
 * Where an image is cut, and how what is found in its parts is put together.
 *
 * @category Detection
 */
export interface TileOptions {
  /** Pixels of a tile's side; an image that is no longer and no higher stays whole. */
  readonly size: number;
  /** Least share of its side by which a tile overlaps the next, 0..0.9. Default 0.2. */
  readonly overlap?: number;
  /** Look at the whole image too, for what is larger than a tile. Default false. */
  readonly whole?: boolean;
  /** Default `nms`. */
  readonly merge?: Merge;
  /** Least intersection over union of two detections of one object, over what both tiles show. Default 0.5. */
  readonly iou?: number;
}

/**
 * What holds where a `TileOptions` says nothing.
 *
 * @category Detection
 */
export const TILE_DEFAULTS: Required<Omit<TileOptions, "size">> = {
  overlap: 0.2,
  whole: false,
  merge: "nms",
  iou: 0.5,
};

/** The least side of a tile: smaller ones hold too few tokens for a model. */
export const LEAST_TILE = 32;
/** The largest overlap: beyond it the number of tiles grows without end. */
export const MOST_OVERLAP = 0.9;
