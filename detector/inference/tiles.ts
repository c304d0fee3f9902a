/**
 * Where an image is cut into tiles. Small objects are a few pixels of a large image once it is brought to the size that a
 * model was trained with; in a tile they keep theirs. Neighbours overlap, so that what is no larger than the overlap is
 * whole in at least one of them (Akyon et al., arXiv:2202.06934, section 3).
 */
import { DinogradError } from "../../engine/errors.ts";
import { LEAST_TILE, MOST_OVERLAP, TILE_DEFAULTS, type TileOptions } from "../config/tile_options.ts";

/** A part of an image, in whole pixels: from `left` and `top` up to, and without, `right` and `bottom`. */
export interface Tile {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * The tiles of an image, row by row. They cover it exactly, all have one size (the tile's, or the image's side where that
 * is shorter), and stand as evenly as whole pixels allow.
 * @throws DinogradError of kind "usage" where size or overlap are out of range
 */
export function tilesOf({ width, height }: { width: number; height: number }, options: TileOptions): Tile[] {
  const { size, overlap = TILE_DEFAULTS.overlap } = options;
  if (!Number.isInteger(size) || size < LEAST_TILE) {
    throw new DinogradError("usage", `tile: expected an integer of at least ${LEAST_TILE} pixels but found ${size}`);
  }
  if (!(overlap >= 0 && overlap <= MOST_OVERLAP)) {
    throw new DinogradError("usage", `overlap: expected a number from 0 to ${MOST_OVERLAP} but found ${overlap}`);
  }
  const shared = Math.round(size * overlap);
  const [lefts, tops] = [width, height].map((length) => starts(length, { size, shared }));
  return tops.flatMap((top) =>
    lefts.map((left) => ({
      left,
      top,
      right: left + Math.min(size, width),
      bottom: top + Math.min(size, height),
    }))
  );
}

/** Where tiles begin along one side: the first at 0, the last where the side's end is its own. */
function starts(length: number, { size, shared }: { readonly size: number; readonly shared: number }): number[] {
  if (length <= size) return [0];
  const count = Math.ceil((length - shared) / (size - shared));
  return Array.from({ length: count }, (_, at) => Math.round(at * (length - size) / (count - 1)));
}
