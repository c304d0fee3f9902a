/**
 * A task for the tour that a small detector learns in seconds: red and blue rectangles on noise, no two images alike, each
 * decided by its number alone.
 */
import { type DinoConfig, preset, resolveConfig } from "../../detector/config/mod.ts";
import type { Batch, Target } from "../../detector/data/mod.ts";
import { RandomStream } from "../../engine/random.ts";

/** Width and height of an image. */
export const SIDE = 48;

/** What the two labels mean. */
export const COLOURS = [{ id: 0, name: "red" }, { id: 1, name: "blue" }];

/** A DINO of 0.1 million parameters. */
export function squaresConfig(changes: Partial<DinoConfig> = {}): DinoConfig {
  const given = {
    hidden_dim: 32,
    nheads: 4,
    dim_feedforward: 64,
    enc_layers: 1,
    dec_layers: 2,
    num_feature_levels: 3,
    num_queries: 12,
    num_select: 12,
    num_classes: 2,
    dn_labelbook_size: 2,
    dn_number: 4,
    backbone_stem_width: 8,
    backbone_widths: [8, 16, 16, 32],
    norm_group_channels: 8,
    lr: 2e-3,
    lr_backbone: 2e-3,
    warmup_steps: 5,
    dropout: 0,
    use_ema: false,
    ...changes,
  };
  return resolveConfig(given, { base: preset("cards") }).config;
}

/** An image `[3, SIDE, SIDE]`, about normalised, with its objects. */
interface Scene {
  readonly pixels: Float32Array;
  readonly target: Target;
}

/** The image of a number, with one or two rectangles. */
export function squaresScene(number: number): Scene {
  const random = RandomStream.named(1, `tour/squares/${number}`);
  const pixels = new Float32Array(3 * SIDE * SIDE).map(() => 0.2 * random.normal());
  const boxes: number[] = [];
  const labels: number[] = [];
  const count = 1 + random.int(2);
  for (let object = 0; object < count; object++) {
    const [width, height] = [10 + random.int(12), 10 + random.int(12)];
    const [left, top] = [random.int(SIDE - width), random.int(SIDE - height)];
    const label = random.int(2);
    const colour = label === 0 ? [2, -1, -1] : [-1, -1, 2];
    for (let y = top; y < top + height; y++) {
      for (let channel = 0; channel < 3; channel++) {
        const row = (channel * SIDE + y) * SIDE;
        pixels.fill(colour[channel], row + left, row + left + width);
      }
    }
    boxes.push((left + width / 2) / SIDE, (top + height / 2) / SIDE, width / SIDE, height / SIDE);
    labels.push(label);
  }
  return {
    pixels,
    target: {
      imageId: number,
      boxes: Float32Array.from(boxes),
      labels: Int32Array.from(labels),
      area: Float32Array.from(labels, (_, at) => boxes[4 * at + 2] * boxes[4 * at + 3] * SIDE * SIDE),
      iscrowd: new Uint8Array(labels.length),
      originalSize: [SIDE, SIDE],
      size: [SIDE, SIDE],
    },
  };
}

export function squaresBatch(step: number, size = 4): Batch {
  const scenes = Array.from({ length: size }, (_, at) => squaresScene(step * size + at));
  const images = new Float32Array(size * 3 * SIDE * SIDE);
  scenes.forEach(({ pixels }, at) => images.set(pixels, at * pixels.length));
  return {
    images,
    mask: new Uint8Array(size * SIDE * SIDE),
    shape: [size, 3, SIDE, SIDE],
    targets: scenes.map(({ target }) => target),
    nextSample: (step + 1) * size,
  };
}
