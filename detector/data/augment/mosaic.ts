/**
 * Mosaic (Bochkovskiy et al., YOLOv4, arXiv:2004.10934): four images around a meeting point, in a frame of the first one's
 * shape. Objects appear at other scales, beside other things and cut at other places.
 */
import type { RandomStream } from "../../../engine/random.ts";
import type { Image } from "../images/image.ts";
import { cropImage, type Rectangle, resizeBilinear } from "../images/resize.ts";
import { type AnnotatedImage, resizeTarget } from "../target.ts";
import { cutTarget, joinTargets, shiftTarget } from "./boxes.ts";
import { emptyCanvas, pasteImage } from "./pixels.ts";

/** The meeting point lies between these shares of the frame's sides. */
const NEAREST = 0.25, FARTHEST = 0.75;
/** An image appears at a share of the frame's scale, drawn from this to 1. At a half, four images fill the frame. */
const SMALLEST_SCALE = 0.5;
/** Photographs are larger than what any recipe makes of them: a frame's long side, in pixels, is at most this. */
const LONGEST_SIDE = 1600;

/**
 * Puts images together: the first at the top left, then top right, bottom left, bottom right. Each has, at scale 1, the
 * frame's short side; of one that is larger than its quarter a drawn part is shown. Where an image does not reach, its
 * quarter is filled. They are asked for one after another, so that no more than one is in memory besides the frame.
 */
export async function mosaic(
  first: AnnotatedImage,
  others: readonly [Load, Load, Load],
  { minVisible, random }: { readonly minVisible: number; readonly random: RandomStream },
): Promise<AnnotatedImage> {
  const frame = frameOf(first.image);
  const canvas = emptyCanvas(frame);
  const between = () => NEAREST + random.uniform() * (FARTHEST - NEAREST);
  const x = Math.round(frame.width * between()), y = Math.round(frame.height * between());
  const columns = [[0, x], [x, frame.width - x]], rows = [[0, y], [y, frame.height - y]];
  const quarters = rows.flatMap(([top, height]) =>
    columns.map(([left, width]): Rectangle => ({ x: left, y: top, width, height }))
  );
  const loads: readonly Load[] = [() => Promise.resolve(first), ...others];
  const targets = [];
  for (const [at, quarter] of quarters.entries()) {
    const sample = await loads[at]();
    targets.push(fillQuarter(canvas, sample, { quarter, meeting: { x, y }, minVisible, random }));
  }
  return { image: canvas, target: joinTargets(targets) };
}

/** Gets an image when its turn comes. */
export type Load = () => Promise<AnnotatedImage>;

function frameOf({ width, height }: Image): { width: number; height: number } {
  const factor = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  return { width: Math.max(2, Math.round(width * factor)), height: Math.max(2, Math.round(height * factor)) };
}

function fillQuarter(canvas: Image, { image, target }: AnnotatedImage, { quarter, meeting, minVisible, random }: {
  readonly quarter: Rectangle;
  readonly meeting: { readonly x: number; readonly y: number };
  readonly minVisible: number;
  readonly random: RandomStream;
}): AnnotatedImage["target"] {
  const scale = Math.min(canvas.width, canvas.height) / Math.min(image.width, image.height) *
    (SMALLEST_SCALE + random.uniform() * (1 - SMALLEST_SCALE));
  // A strip is kept within the frame: most of it would not be seen.
  const fit = Math.min(scale, 2 * Math.max(canvas.width, canvas.height) / Math.max(image.width, image.height));
  const side = (length: number) => Math.max(1, Math.round(length * fit));
  const to = { width: side(image.width), height: side(image.height) };
  const shown = { width: Math.min(to.width, quarter.width), height: Math.min(to.height, quarter.height) };
  const offset = { x: random.int(to.width - shown.width + 1), y: random.int(to.height - shown.height + 1) };
  // What does not fill its quarter touches the meeting point.
  const x = quarter.x < meeting.x ? quarter.x + quarter.width - shown.width : quarter.x;
  const y = quarter.y < meeting.y ? quarter.y + quarter.height - shown.height : quarter.y;
  pasteImage(canvas, cropImage(resizeBilinear(image, to), { ...offset, ...shown }), { x, y });
  const resized = resizeTarget(target, { from: image, to });
  const moved = shiftTarget(resized, { x: x - offset.x, y: y - offset.y, size: [canvas.height, canvas.width] });
  return cutTarget(moved, { x, y, ...shown }, { minVisible });
}
