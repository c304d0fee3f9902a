/**
 * One generated scene: a background, one to five cards thrown on it, light, shadow, blur and noise. A throw counts only if
 * afterwards every card is still visible enough to be named: 55 % of its area and 80 % of its rank's glyph.
 */
import type { RandomStream } from "../../../engine/random.ts";
import { drawBackground } from "./background.ts";
import {
  addNoise,
  type Canvas,
  drawPatch,
  drawShadow,
  forEachPixel,
  gaussianBlur,
  type Light,
  type Patch,
  type Pose,
  toImage,
  warpTexture,
} from "./canvas.ts";
import { FACE_FONTS, type FaceLibrary, type Rank, RANKS, SUITS } from "./face.ts";
import type { Image } from "../images/image.ts";

/** A card in the finished image. */
interface SceneObject {
  readonly rank: Rank;
  /** x, y, width, height in whole pixels: bounds the pixels of which at least half shows the card. */
  readonly box: readonly [number, number, number, number];
  /** How many such pixels there are. */
  readonly area: number;
}

interface Scene {
  readonly image: Image;
  readonly objects: readonly SceneObject[];
}

const MIN_CARD_VISIBLE = 0.55, MIN_GLYPH_VISIBLE = 0.8;
const MIN_HEIGHT = 40, MAX_HEIGHT = 86;
const MAX_THROWS = 40;

/** A card on the table and how much of each of its pixels is not covered by later cards or cut off by the edge. */
interface PlacedCard {
  readonly rank: Rank;
  readonly patch: Patch;
  readonly open: Float32Array;
}

/** Draws a scene of `size` x `size` pixels; it depends on the stream alone. */
export async function drawScene(
  size: number,
  { random, faces }: { random: RandomStream; faces: FaceLibrary },
): Promise<Scene> {
  const wanted = 1 + random.int(5);
  const cards: PlacedCard[] = [];
  for (let attempt = 0; attempt < MAX_THROWS && cards.length < wanted; attempt++) {
    const rank = RANKS[random.int(RANKS.length)];
    const design = { rank, suit: SUITS[random.int(SUITS.length)], font: FACE_FONTS[random.int(FACE_FONTS.length)] };
    const pose = drawPose(size, random);
    const patch = warpTexture(await faces.face(design, pose.height), pose);
    placeCard(cards, { rank, patch }, size);
  }
  let canvas = await drawBackground({ width: size, height: size }, { random, faces });
  const sun = random.uniform() * 2 * Math.PI, height = 1 + random.uniform() * 4;
  const shadow = {
    dx: Math.round(Math.cos(sun) * height),
    dy: Math.round(Math.sin(sun) * height),
    radius: 1 + random.int(3),
    strength: 0.25 + random.uniform() * 0.4,
  };
  for (const { patch } of cards) {
    drawShadow(canvas, patch, shadow);
    drawPatch(canvas, patch, lightOn(patch, random));
  }
  canvas = takePhoto(canvas, random);
  return { image: toImage(canvas), objects: cards.map(visibleObject(size)) };
}

function drawPose(size: number, random: RandomStream): Pose {
  const between = (low: number, high: number) => low + random.uniform() * (high - low);
  return {
    x: between(0.03, 0.97) * size,
    y: between(0.03, 0.97) * size,
    height: between(MIN_HEIGHT, MAX_HEIGHT),
    angle: between(0, 2 * Math.PI),
    aspect: between(0.88, 1.12),
    shear: between(-0.08, 0.08),
  };
}

/** Adds the card on top of the others if every one of them, and it, stays visible enough. */
function placeCard(cards: PlacedCard[], { rank, patch }: { rank: Rank; patch: Patch }, size: number): void {
  const canvas = { width: size, height: size };
  const added = { rank, patch, open: new Float32Array(patch.alpha.length) };
  const cover = new Float32Array(size * size);
  forEachPixel(canvas, patch, (from, to) => {
    added.open[from] = 1;
    cover[to] = patch.alpha[from];
  });
  if (!isVisible(added)) return;
  const after = cards.map((card) => {
    const open = card.open.slice();
    forEachPixel(canvas, card.patch, (from, to) => open[from] *= 1 - cover[to]);
    return { ...card, open };
  });
  if (!after.every(isVisible)) return;
  cards.splice(0, cards.length, ...after, added);
}

function isVisible({ patch: { alpha, glyph }, open }: PlacedCard): boolean {
  let card = 0, visibleCard = 0, rank = 0, visibleRank = 0;
  for (let at = 0; at < open.length; at++) {
    card += alpha[at];
    visibleCard += alpha[at] * open[at];
    rank += glyph[at];
    visibleRank += glyph[at] * open[at];
  }
  return visibleCard >= MIN_CARD_VISIBLE * card && visibleRank >= MIN_GLYPH_VISIBLE * rank;
}

function visibleObject(size: number): (card: PlacedCard) => SceneObject {
  return ({ rank, patch, open }) => {
    let left = size, top = size, right = 0, bottom = 0, area = 0;
    forEachPixel({ width: size, height: size }, patch, (from, to) => {
      if (patch.alpha[from] * open[from] < 0.5) return;
      const x = to % size, y = Math.floor(to / size);
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
      area++;
    });
    return { rank, box: [left, top, right - left, bottom - top], area };
  };
}

/** Brightness that changes along the card, a tint of the paper, and now and then a band of glare. */
function lightOn(patch: Patch, random: RandomStream): Light {
  const brightness = 0.68 + random.uniform() * 0.34;
  const channel = () => brightness * (0.94 + random.uniform() * 0.06);
  const angle = random.uniform() * 2 * Math.PI, slope = random.uniform() * 0.3;
  const glare = random.uniform() < 0.15 ? 0.1 + random.uniform() * 0.25 : 0, place = random.uniform() - 0.5;
  const reach = Math.max(patch.width, patch.height);
  const alongX = Math.cos(angle) / reach, alongY = Math.sin(angle) / reach;
  return {
    tint: [channel(), channel(), channel()],
    at: (inPatch) => {
      const x = inPatch % patch.width - patch.width / 2, y = Math.floor(inPatch / patch.width) - patch.height / 2;
      const along = x * alongX + y * alongY;
      const shine = glare > 0 ? glare * Math.exp(-(((along - place) / 0.12) ** 2)) : 0;
      return 1 + slope * along + shine;
    },
  };
}

/** Exposure, colour cast, blur and sensor noise. */
function takePhoto(canvas: Canvas, random: RandomStream): Canvas {
  const exposure = 0.8 + random.uniform() * 0.35;
  const cast = [0, 1, 2].map(() => exposure * (0.94 + random.uniform() * 0.12));
  for (let at = 0; at < canvas.levels.length; at++) canvas.levels[at] *= cast[at % 3];
  const blurred = random.uniform() < 0.6 ? gaussianBlur(canvas, 0.35 + random.uniform() * 0.65) : canvas;
  addNoise(blurred, { deviation: random.uniform() * 12, seed: random.word() });
  return blurred;
}
