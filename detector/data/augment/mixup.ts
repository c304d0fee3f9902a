/**
 * Mixup for detection (Zhang et al., Bag of Freebies for Training Object Detection Neural Networks, arXiv:1902.04103): two
 * images shine through one another and both one's objects are targets. Neither is distorted.
 */
import type { RandomStream } from "../../../engine/random.ts";
import { resizeBilinear } from "../images/resize.ts";
import { type AnnotatedImage, resizeTarget } from "../target.ts";
import { joinTargets, shiftTarget } from "./boxes.ts";
import { emptyCanvas, pasteImage } from "./pixels.ts";

/** The share of the first image is drawn from these: objects of both can be seen. */
const LEAST = 0.4, MOST = 0.6;

/** Blends `other` into `first`: whole, as large as the frame allows, at a drawn place. */
export function mixup(first: AnnotatedImage, other: AnnotatedImage, random: RandomStream): AnnotatedImage {
  const { width, height } = first.image;
  const scale = Math.min(width / other.image.width, height / other.image.height);
  const side = (length: number, most: number) => Math.max(1, Math.min(most, Math.round(length * scale)));
  const to = { width: side(other.image.width, width), height: side(other.image.height, height) };
  const place = { x: random.int(width - to.width + 1), y: random.int(height - to.height + 1) };
  const canvas = emptyCanvas(first.image);
  pasteImage(canvas, resizeBilinear(other.image, to), place);
  const share = LEAST + random.uniform() * (MOST - LEAST);
  const own = first.image.data;
  const data = Uint8Array.from(canvas.data, (value, at) => Math.round(own[at] * share + value * (1 - share)));
  const moved = shiftTarget(resizeTarget(other.target, { from: other.image, to }), { ...place, size: [height, width] });
  return { image: { width, height, data }, target: joinTargets([first.target, moved]) };
}
