/**
 * How many tokens an image has, without a model: one for each pixel of each feature level. The queries are chosen among
 * them, so an image needs as many as there are queries.
 */
import { backboneFamily } from "../config/backbones.ts";
import type { DinoConfig } from "../config/mod.ts";

interface PixelSize {
  /** From left to right. */
  readonly width: number;
  /** From top to bottom. */
  readonly height: number;
}

/** Tokens of an image that comes to the model in this size, the padding of its batch included; 0 where it is too small. */
export function tokensOf({ width, height }: PixelSize, config: DinoConfig): number {
  const columns = levelSides(width, config), rows = levelSides(height, config);
  return columns.reduce((sum, side, level) => sum + side * rows[level], 0);
}

/** What is left of a side at each level. */
function levelSides(side: number, config: DinoConfig): number[] {
  const { inPatches } = backboneFamily(config.backbone);
  const stages = [inPatches(side / 4)];
  for (let stage = 1; stage < 4; stage++) {
    const before = stages[stage - 1];
    stages.push(config.dilation && stage === 3 ? before : inPatches(before / 2));
  }
  if (stages[3] === 0) return new Array<number>(config.num_feature_levels).fill(0); // not one patch: the backbone itself refuses such a strip
  const levels = config.return_interm_indices.map((stage) => stages[stage]);
  while (levels.length < config.num_feature_levels) levels.push(Math.ceil((levels.at(-1) ?? 0) / 2));
  return levels;
}
