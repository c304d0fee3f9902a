/**
 * Scale jitter (Ghiasi et al., arXiv:2012.07177; with reductions only, the expansion of SSD, Liu et al., arXiv:1512.02325):
 * objects become larger or smaller beside the image, whatever size the image is then brought to.
 */
import type { RandomStream } from "../../../engine/random.ts";
import { cropImage, type Rectangle, resizeBilinear } from "../images/resize.ts";
import { type AnnotatedImage, resizeTarget } from "../target.ts";
import { cutTarget, shiftTarget } from "./boxes.ts";
import { emptyCanvas, pasteImage } from "./pixels.ts";

/** Reduces onto a frame of the image's size, or enlarges by leaving a part; the factor is drawn evenly. */
export function jitterScale(sample: AnnotatedImage, { smallest, largest, minVisible, random }: {
  readonly smallest: number;
  readonly largest: number;
  readonly minVisible: number;
  readonly random: RandomStream;
}): AnnotatedImage {
  const factor = smallest + random.uniform() * (largest - smallest);
  return factor < 1 ? reduce(sample, { factor, random }) : enlarge(sample, { factor, minVisible, random });
}

function reduce(
  { image, target }: AnnotatedImage,
  { factor, random }: { readonly factor: number; readonly random: RandomStream },
): AnnotatedImage {
  const side = (length: number) => Math.max(1, Math.round(length * factor));
  const to = { width: side(image.width), height: side(image.height) };
  const place = { x: random.int(image.width - to.width + 1), y: random.int(image.height - to.height + 1) };
  const canvas = emptyCanvas(image);
  pasteImage(canvas, resizeBilinear(image, to), place);
  const size = [image.height, image.width] as const;
  return { image: canvas, target: shiftTarget(resizeTarget(target, { from: image, to }), { ...place, size }) };
}

function enlarge(
  { image, target }: AnnotatedImage,
  { factor, minVisible, random }: {
    readonly factor: number;
    readonly minVisible: number;
    readonly random: RandomStream;
  },
): AnnotatedImage {
  const side = (length: number) => Math.max(1, Math.round(length / factor));
  const [width, height] = [side(image.width), side(image.height)];
  const part: Rectangle = {
    x: random.int(image.width - width + 1),
    y: random.int(image.height - height + 1),
    width,
    height,
  };
  const cut = cutTarget(target, part, { minVisible });
  return {
    image: cropImage(image, part),
    target: shiftTarget(cut, { x: -part.x, y: -part.y, size: [height, width] }),
  };
}
