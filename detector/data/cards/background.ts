/** What the generated cards lie on: smooth gradients, cloudy noise, stripes, or a clutter of shapes and card backs. */
import type { RandomStream } from "../../../engine/random.ts";
import { type Canvas, drawPatch, drawShadow, noiseWord, warpTexture } from "./canvas.ts";
import type { FaceLibrary } from "./face.ts";

type Colour = readonly [red: number, green: number, blue: number];

const BACK_COLOURS = ["#1f3f8f", "#9a1c26", "#1d6b3a", "#333340"];

/** A background of a drawn kind. */
export async function drawBackground(
  size: { width: number; height: number },
  { random, faces }: { random: RandomStream; faces: FaceLibrary },
): Promise<Canvas> {
  const canvas = { ...size, levels: new Float32Array(size.width * size.height * 3) };
  const kind = random.int(4);
  if (kind === 0) fill(canvas, gradient(random, canvas));
  if (kind === 1) fill(canvas, clouds(random));
  if (kind === 2) fill(canvas, stripes(random));
  if (kind === 3) {
    fill(canvas, random.uniform() < 0.5 ? gradient(random, canvas) : clouds(random));
    await drawClutter(canvas, { random, faces });
  }
  return canvas;
}

/** A pattern of two colours: how much of the second there is at a place, 0..1. */
interface Shade {
  readonly colours: readonly [Colour, Colour];
  readonly amount: (x: number, y: number) => number;
}

function fill({ width, height, levels }: Canvas, { colours: [from, to], amount }: Shade): void {
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const share = amount(x, y);
      for (let channel = 0; channel < 3; channel++) {
        levels[at + channel] = from[channel] + (to[channel] - from[channel]) * share;
      }
    }
  }
}

function drawColour(random: RandomStream): Colour {
  const brightness = 40 + random.uniform() * 180;
  const channel = () => Math.max(5, Math.min(250, brightness + (random.uniform() - 0.5) * 140));
  return [channel(), channel(), channel()];
}

function drawColours(random: RandomStream): [Colour, Colour] {
  return [drawColour(random), drawColour(random)];
}

/** Between two colours, along a drawn direction or outwards from a drawn centre. */
function gradient(random: RandomStream, { width, height }: { width: number; height: number }): Shade {
  const colours = drawColours(random);
  const angle = random.uniform() * 2 * Math.PI, cosine = Math.cos(angle), sine = Math.sin(angle);
  const centreX = random.uniform() * width, centreY = random.uniform() * height;
  const reach = Math.max(width, height);
  if (random.uniform() < 0.4) {
    return { colours, amount: (x, y) => Math.min(1, Math.hypot(x - centreX, y - centreY) / reach) };
  }
  const along = (x: number, y: number) => (x - width / 2) * cosine + (y - height / 2) * sine;
  return { colours, amount: (x, y) => Math.max(0, Math.min(1, along(x, y) / reach + 0.5)) };
}

/** Value noise in four octaves: felt, stone or wood, depending on the grain's size and stretch. */
function clouds(random: RandomStream): Shade {
  const colours = drawColours(random);
  const seed = random.word();
  const grainX = 3 + random.uniform() * 40, grainY = random.uniform() < 0.3 ? grainX / 6 : grainX;
  const angle = random.uniform() * Math.PI, cosine = Math.cos(angle), sine = Math.sin(angle);
  const amount = (x: number, y: number) => {
    let total = 0;
    for (let octave = 0, weight = 8 / 15, scale = 1; octave < 4; octave++, weight /= 2, scale *= 2) {
      const u = (x * cosine - y * sine) / grainX * scale + 1000, v = (x * sine + y * cosine) / grainY * scale + 1000;
      total += weight * valueNoise(seed + octave, u, v);
    }
    return total;
  };
  return { colours, amount };
}

/** Random values on whole coordinates, smoothly interpolated; 0..1. Coordinates are not negative. */
function valueNoise(seed: number, u: number, v: number): number {
  const column = Math.floor(u), row = Math.floor(v);
  const x = u - column, y = v - row;
  const easeX = x * x * (3 - 2 * x), easeY = y * y * (3 - 2 * y);
  const corner = column * 65537 + row;
  const top = noiseWord(seed, corner) * (1 - easeX) + noiseWord(seed, corner + 65537) * easeX;
  const bottom = noiseWord(seed, corner + 1) * (1 - easeX) + noiseWord(seed, corner + 65538) * easeX;
  return (top * (1 - easeY) + bottom * easeY) / 2 ** 32;
}

/** Bands of two colours with soft edges, or a check of two such patterns. */
function stripes(random: RandomStream): Shade {
  const colours = drawColours(random);
  const angle = random.uniform() * Math.PI, period = 6 + random.uniform() * 34;
  const sharpness = 1 + random.uniform() * 8, check = random.uniform() < 0.3;
  const turn = 2 * Math.PI / period, cosine = Math.cos(angle) * turn, sine = Math.sin(angle) * turn;
  const band = (phase: number) => 0.5 + 0.5 * Math.max(-1, Math.min(1, Math.sin(phase) * sharpness));
  const amount = (x: number, y: number) => {
    const first = band(x * cosine + y * sine);
    return check ? Math.abs(first - band(y * cosine - x * sine)) : first;
  };
  return { colours, amount };
}

async function drawClutter(
  canvas: Canvas,
  { random, faces }: { random: RandomStream; faces: FaceLibrary },
): Promise<void> {
  const { width, height } = canvas;
  const shapes = 5 + random.int(18);
  for (let shape = 0; shape < shapes; shape++) drawShape(canvas, random);
  if (random.uniform() >= 0.5) return;
  const backs = 1 + random.int(2), colour = BACK_COLOURS[random.int(BACK_COLOURS.length)];
  for (let back = 0; back < backs; back++) {
    const pose = {
      x: random.uniform() * width,
      y: random.uniform() * height,
      height: 40 + random.uniform() * 46,
      angle: random.uniform() * 2 * Math.PI,
      aspect: 1,
      shear: 0,
    };
    const patch = warpTexture(await faces.back(colour, pose.height), pose);
    drawShadow(canvas, patch, { dx: 1, dy: 2, radius: 2, strength: 0.4 });
    const light = 0.7 + random.uniform() * 0.3;
    drawPatch(canvas, patch, { tint: [light, light, light], at: () => 1 });
  }
}

/** An ellipse, a rectangle or a bar, filled, half transparent or as an outline. */
function drawShape(canvas: Canvas, random: RandomStream): void {
  const colour = drawColour(random), opacity = 0.4 + random.uniform() * 0.6;
  const kind = random.int(3);
  const halfX = 4 + random.uniform() * 30, halfY = kind === 2 ? 1 + random.uniform() * 2 : 4 + random.uniform() * 30;
  const centreX = random.uniform() * canvas.width, centreY = random.uniform() * canvas.height;
  const angle = random.uniform() * Math.PI, cosine = Math.cos(angle), sine = Math.sin(angle);
  const outline = random.uniform() < 0.25 ? 1 + random.uniform() * 2 : Infinity;
  const reach = Math.ceil(halfX + halfY) + 1;
  const firstX = Math.max(0, Math.floor(centreX - reach)),
    lastX = Math.min(canvas.width - 1, Math.ceil(centreX + reach));
  const firstY = Math.max(0, Math.floor(centreY - reach)),
    lastY = Math.min(canvas.height - 1, Math.ceil(centreY + reach));
  for (let y = firstY; y <= lastY; y++) {
    for (let x = firstX; x <= lastX; x++) {
      const u = Math.abs((x - centreX) * cosine + (y - centreY) * sine);
      const v = Math.abs((y - centreY) * cosine - (x - centreX) * sine);
      // How far inside the edge, in pixels (for the ellipse, nearly so).
      const inside = kind === 0
        ? (1 - Math.hypot(u / halfX, v / halfY)) * Math.min(halfX, halfY)
        : Math.min(halfX - u, halfY - v);
      const coverage = Math.max(0, Math.min(1, inside + 0.5)) * Math.max(0, Math.min(1, outline - inside + 0.5));
      const at = (y * canvas.width + x) * 3, alpha = coverage * opacity;
      for (let channel = 0; channel < 3; channel++) {
        canvas.levels[at + channel] += (colour[channel] - canvas.levels[at + channel]) * alpha;
      }
    }
  }
}
