/** The flags that cut images into tiles, and those that put images together into batches. */
import type { Command } from "commander";
import {
  LEAST_TILE,
  type Merge,
  MERGES,
  MOST_OVERLAP,
  TILE_DEFAULTS,
  type TileOptions,
} from "../../detector/config/tile_options.ts";
import { DinogradError } from "../../engine/errors.ts";
import { type GivenFlag, integerFlag, numberFlag, UnfitValue } from "./command.ts";

/** Flags of everything that detects in images of any size. */
export interface TileFlags {
  readonly tile?: number;
  readonly overlap: number;
  readonly tile_whole?: true;
  readonly merge: Merge;
  readonly merge_iou: number;
  readonly batch_size: number;
}

const BATCH_OF_IMAGES = "images, or tiles, of one size that go through the model together; it changes no number";

/** Flags without effect where nothing is cut. */
const OF_TILES = ["overlap", "tile_whole", "merge", "merge_iou"];

function mergeFlag(text: string): Merge {
  const merge = MERGES.find((one) => one === text);
  if (merge === undefined) throw new UnfitValue(`one of ${MERGES.join(", ")}`);
  return merge;
}

/** @param options.batch what `--batch_size` does, where that is about tiles alone */
export function addTileFlags(command: Command, { batch = BATCH_OF_IMAGES }: { readonly batch?: string } = {}): void {
  command
    .option(
      "--tile <pixels>",
      "cut images into tiles of that side and detect in each",
      integerFlag({ min: LEAST_TILE }),
    )
    .option(
      "--overlap <share>",
      "least share of a tile's side by which it overlaps the next",
      numberFlag({ min: 0, max: MOST_OVERLAP }),
      TILE_DEFAULTS.overlap,
    )
    .option("--tile_whole", "with --tile: detect in the whole image too, for what is larger than a tile")
    .option(
      "--merge <way>",
      "what becomes of an object that several tiles show: nms takes the best, wbf a weighted mean",
      mergeFlag,
      TILE_DEFAULTS.merge,
    )
    .option(
      "--merge_iou <share>",
      "least overlap of two tiles' boxes of one object",
      numberFlag({ min: 0.01, max: 1 }),
      TILE_DEFAULTS.iou,
    )
    .option(
      "--batch_size <n>",
      batch,
      integerFlag({ min: 1, max: 1024 }),
      1,
    );
}

/**
 * @param options.idle flags that mean nothing either where nothing is cut
 * @throws DinogradError of kind "usage" where a flag of tiles is given without `--tile`
 */
export function tileOptions(
  flags: TileFlags,
  given: readonly GivenFlag[],
  { idle: others = [] }: { readonly idle?: readonly string[] } = {},
): TileOptions | null {
  const { tile: size, overlap, tile_whole: whole = false, merge, merge_iou: iou } = flags;
  if (size !== undefined) return { size, overlap, whole, merge, iou };
  const idle = given.find(({ name }) => OF_TILES.includes(name) || others.includes(name));
  if (idle) throw new DinogradError("usage", `--${idle.name}: expected --tile PIXELS with it but found none`);
  return null;
}
