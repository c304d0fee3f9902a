/**
 * The drawing surface of the card scenes: floating-point RGB, with what the scenes need and no more. A textured card
 * becomes a patch first (colours, coverage, glyph coverage per pixel), because its visibility is judged before it is drawn.
 */
import { CARD_ASPECT, type FaceTexture, TEXTURE_SCALE_X, TEXTURE_SCALE_Y } from "./face.ts";
import type { Image } from "../images/image.ts";

/** `[height, width, 3]`, levels 0..255 (values may exceed them until `toImage`). */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly levels: Float32Array;
}

/** How a card lies: centre and height in pixels, angle in radians, `aspect` and `shear` as distortions of the plane. */
export interface Pose {
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly angle: number;
  /** 1 = the card's own proportions. */
  readonly aspect: number;
  /** 0 = right angles. */
  readonly shear: number;
}

/** A card's pixels, of a rectangle that may reach beyond the image. `x`, `y` is its top left corner. */
export interface Patch {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Colours multiplied by alpha, 0..255. */
  readonly colour: Float32Array;
  /** Coverage by the card, 0..1. */
  readonly alpha: Float32Array;
  /** Coverage by the rank's glyph, 0..1. */
  readonly glyph: Float32Array;
}

/** Subsamples per pixel and axis. */
const SUBSAMPLES = 2;

/** Puts a texture into the image plane by inverse mapping, each subsample interpolated between four texture samples. */
export function warpTexture(texture: FaceTexture, pose: Pose): Patch {
  const width = pose.height * CARD_ASPECT * pose.aspect;
  const cosine = Math.cos(pose.angle), sine = Math.sin(pose.angle);
  // Columns of the map from the texture's unit square (centred) to pixels: rotation times shear times size.
  const sizeX = width * TEXTURE_SCALE_X, sizeY = pose.height * TEXTURE_SCALE_Y;
  const ax = cosine * sizeX, ay = sine * sizeX;
  const bx = (cosine * pose.shear - sine) * sizeY, by = (sine * pose.shear + cosine) * sizeY;
  const determinant = ax * by - ay * bx;
  const reachX = (Math.abs(ax) + Math.abs(bx)) / 2, reachY = (Math.abs(ay) + Math.abs(by)) / 2;
  const left = Math.floor(pose.x - reachX), top = Math.floor(pose.y - reachY);
  const patch = emptyPatch(left, top, {
    width: Math.ceil(pose.x + reachX) - left,
    height: Math.ceil(pose.y + reachY) - top,
  });
  const share = 1 / (SUBSAMPLES * SUBSAMPLES);
  for (let py = 0, at = 0; py < patch.height; py++) {
    for (let px = 0; px < patch.width; px++, at++) {
      for (let sub = 0; sub < SUBSAMPLES * SUBSAMPLES; sub++) {
        const dx = left + px + ((sub % SUBSAMPLES) + 0.5) / SUBSAMPLES - pose.x;
        const dy = top + py + (Math.floor(sub / SUBSAMPLES) + 0.5) / SUBSAMPLES - pose.y;
        const u = ((by * dx - bx * dy) / determinant + 0.5) * texture.width - 0.5;
        const v = ((ax * dy - ay * dx) / determinant + 0.5) * texture.height - 0.5;
        if (u < 0 || v < 0 || u >= texture.width - 1 || v >= texture.height - 1) continue;
        addSample(patch, at, { texture, u, v, share });
      }
    }
  }
  return patch;
}

function addSample(
  patch: Patch,
  at: number,
  { texture, u, v, share }: { texture: FaceTexture; u: number; v: number; share: number },
): void {
  const { rgba, glyph, width } = texture;
  const column = Math.floor(u), row = Math.floor(v);
  const fx = u - column, fy = v - row;
  const w11 = fx * fy * share, w10 = fy * share - w11, w01 = fx * share - w11, w00 = share - w01 - w10 - w11;
  const i00 = row * width + column, i01 = i00 + 1, i10 = i00 + width, i11 = i10 + 1;
  for (let channel = 0; channel < 3; channel++) {
    patch.colour[at * 3 + channel] += rgba[i00 * 4 + channel] * w00 + rgba[i01 * 4 + channel] * w01 +
      rgba[i10 * 4 + channel] * w10 + rgba[i11 * 4 + channel] * w11;
  }
  patch.alpha[at] +=
    (rgba[i00 * 4 + 3] * w00 + rgba[i01 * 4 + 3] * w01 + rgba[i10 * 4 + 3] * w10 + rgba[i11 * 4 + 3] * w11) / 255;
  patch.glyph[at] += (glyph[i00] * w00 + glyph[i01] * w01 + glyph[i10] * w10 + glyph[i11] * w11) / 255;
}

function emptyPatch(x: number, y: number, { width, height }: { width: number; height: number }): Patch {
  const pixels = width * height;
  return {
    x,
    y,
    width,
    height,
    colour: new Float32Array(pixels * 3),
    alpha: new Float32Array(pixels),
    glyph: new Float32Array(pixels),
  };
}

/** Calls `visit` for the pixels of a patch that lie in the canvas, with their positions in the patch and in the canvas. */
export function forEachPixel(
  canvas: { width: number; height: number },
  patch: { x: number; y: number; width: number; height: number },
  visit: (inPatch: number, inCanvas: number) => void,
): void {
  const firstX = Math.max(0, -patch.x), lastX = Math.min(patch.width, canvas.width - patch.x);
  const firstY = Math.max(0, -patch.y), lastY = Math.min(patch.height, canvas.height - patch.y);
  for (let y = firstY; y < lastY; y++) {
    const canvasRow = (patch.y + y) * canvas.width + patch.x;
    for (let x = firstX; x < lastX; x++) visit(y * patch.width + x, canvasRow + x);
  }
}

/** The light that falls on a card: a factor per channel and one per pixel of its patch. */
export interface Light {
  readonly tint: readonly [red: number, green: number, blue: number];
  readonly at: (inPatch: number) => number;
}

/** Lays a patch over the canvas. */
export function drawPatch(canvas: Canvas, patch: Patch, { tint, at }: Light): void {
  const { levels } = canvas;
  forEachPixel(canvas, patch, (from, to) => {
    const rest = 1 - patch.alpha[from];
    const light = at(from);
    for (let channel = 0; channel < 3; channel++) {
      levels[to * 3 + channel] = levels[to * 3 + channel] * rest +
        patch.colour[from * 3 + channel] * light * tint[channel];
    }
  });
}

/** Darkens the canvas where the patch, moved by `dx`, `dy` and blurred, would lie. `strength` 0..1. */
export function drawShadow(
  canvas: Canvas,
  patch: Patch,
  { dx, dy, radius, strength }: { dx: number; dy: number; radius: number; strength: number },
): void {
  const width = patch.width + 4 * radius, height = patch.height + 4 * radius;
  let alpha = new Float32Array(width * height);
  for (let y = 0; y < patch.height; y++) {
    const row = patch.alpha.subarray(y * patch.width, (y + 1) * patch.width);
    alpha.set(row, (y + 2 * radius) * width + 2 * radius);
  }
  for (let pass = 0; pass < 2; pass++) {
    alpha = boxBlur(alpha, { count: height, length: width, step: 1, stride: width, radius });
    alpha = boxBlur(alpha, { count: width, length: height, step: width, stride: 1, radius });
  }
  const moved = { x: patch.x - 2 * radius + dx, y: patch.y - 2 * radius + dy, width, height };
  forEachPixel(canvas, moved, (from, to) => {
    const rest = 1 - strength * alpha[from];
    for (let channel = 0; channel < 3; channel++) canvas.levels[to * 3 + channel] *= rest;
  });
}

/** The running mean of 2 * radius + 1 entries along `count` lines; what lies outside counts as 0. */
function boxBlur(
  values: Float32Array,
  { count, length, step, stride, radius }: {
    count: number;
    length: number;
    step: number;
    stride: number;
    radius: number;
  },
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let line = 0; line < count; line++) {
    const first = line * stride;
    let sum = 0;
    for (let at = 0; at < radius; at++) sum += values[first + at * step];
    for (let at = 0; at < length; at++) {
      if (at + radius < length) sum += values[first + (at + radius) * step];
      if (at - radius - 1 >= 0) sum -= values[first + (at - radius - 1) * step];
      result[first + at * step] = sum / (2 * radius + 1);
    }
  }
  return result;
}

/** Blurs the whole canvas with a Gaussian of `sigma` pixels; the border repeats. */
export function gaussianBlur(canvas: Canvas, sigma: number): Canvas {
  const { width, height } = canvas;
  const radius = Math.ceil(sigma * 2.5);
  const weights = Array.from(
    { length: 2 * radius + 1 },
    (_, at) => Math.exp(-((at - radius) ** 2) / (2 * sigma * sigma)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const across = new Float32Array(canvas.levels.length), both = new Float32Array(canvas.levels.length);
  const limit = (value: number, size: number) => Math.max(0, Math.min(size - 1, value));
  weights.forEach((unscaled, tap) => {
    const weight = unscaled / total, offset = tap - radius;
    const columns = Int32Array.from({ length: width }, (_, x) => limit(x + offset, width) * 3);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to += 3) {
        const from = y * width * 3 + columns[x];
        across[to] += canvas.levels[from] * weight;
        across[to + 1] += canvas.levels[from + 1] * weight;
        across[to + 2] += canvas.levels[from + 2] * weight;
      }
    }
  });
  weights.forEach((unscaled, tap) => {
    const weight = unscaled / total, row = width * 3;
    for (let y = 0; y < height; y++) {
      const from = limit(y + tap - radius, height) * row, to = y * row;
      for (let at = 0; at < row; at++) both[to + at] += across[from + at] * weight;
    }
  });
  return { width, height, levels: both };
}

/** Rounds to 8 bits. */
export function toImage({ width, height, levels }: Canvas): Image {
  return { width, height, data: new Uint8Array(Uint8ClampedArray.from(levels).buffer) };
}

/** One well-mixed 32-bit word per index, for noise per pixel: far cheaper than a stream, and as repeatable. */
export function noiseWord(seed: number, index: number): number {
  let mixed = (seed + Math.imul(index, 0x9e3779b9)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Adds noise of a nearly normal distribution (the sum of four uniform bytes) with the given deviation in levels. */
export function addNoise(canvas: Canvas, { deviation, seed }: { deviation: number; seed: number }): void {
  const scale = deviation / BYTE_SUM_DEVIATION;
  for (let at = 0; at < canvas.levels.length; at++) {
    const word = noiseWord(seed, at);
    const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
    canvas.levels[at] += (sum - 510) * scale;
  }
}

/** The standard deviation of the sum of four uniform bytes: 2 * sqrt((256^2 - 1) / 12). */
const BYTE_SUM_DEVIATION = 2 * Math.sqrt((256 ** 2 - 1) / 12);
