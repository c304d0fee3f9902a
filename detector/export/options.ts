/** What a model is exported with. */

import type { DinoConfig } from "../config/mod.ts";
import type { ClassName } from "../weights/mod.ts";

/**
 * How deformable attention reads between pixels: ONNX's `GridSample`, or sums and products of gathered pixels.
 *
 * @category Export
 */
export type Sampling = "gridsample" | "gather";

/** All of them. */
export const SAMPLINGS: readonly Sampling[] = ["gridsample", "gather"];

/** The largest side of an image that an exported model may take, in pixels. More is a slip. */
export const LARGEST_SIDE = 16384;

/**
 * What a model is exported with.
 *
 * @category Export
 */
export interface ExportOnnxOptions {
  /** The model's configuration, as `loadModel` gives it. */
  readonly config: DinoConfig;
  /** Names of the classes, for the metadata. Default: none. */
  readonly classes?: readonly ClassName[];
  /**
   * Height and width of the images that the exported model takes, 1 to 16384 pixels each. Default: what the configuration makes of an
   * image of 640 × 480.
   */
  readonly size?: readonly [height: number, width: number];
  /** How deformable attention reads between pixels. Default "gridsample". */
  readonly sampling?: Sampling;
}
