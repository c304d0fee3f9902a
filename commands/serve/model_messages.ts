/** What the server's two threads say to each other: the one that listens, and the one that computes. */
import type { ImageDetections } from "../../detector/inference/detection.ts";
import type { DetectorChoice } from "../shared/detector_flags.ts";
import type { UploadedImage } from "./upload.ts";

/** How the model is chosen and detects; a checkpoint was named. */
export type ServedChoice = DetectorChoice & { readonly checkpoint: string };

/** Pictures to detect in; without any, the model is loaded and described. */
export interface ModelRequest {
  readonly options: ServedChoice;
  readonly images: readonly UploadedImage[];
  /** Least score, or null for that of the options. */
  readonly threshold: number | null;
}

/** A model that is loaded. */
export interface ModelDescription {
  readonly classes: readonly { readonly id: number; readonly name: string }[];
  /** What computes, for people. */
  readonly device: string;
  /** Whether images are turned upright by their Exif orientation. */
  readonly exifOrientation: boolean;
  /** What was said while it was loaded. */
  readonly said: readonly string[];
  /** What was warned of meanwhile. */
  readonly warnings: readonly string[];
}

/** The answer: what was found in every picture, or why one of them is of no use. */
export type ModelAnswer =
  | { readonly kind: "loaded"; readonly model: ModelDescription }
  | { readonly kind: "found"; readonly images: readonly ImageDetections[] }
  | { readonly kind: "refused"; readonly status: number; readonly message: string };
