/**
 * The encoder's proposals (Deformable DETR, arXiv:2010.04159, two-stage): one box per token, centred on it, of a size
 * that doubles from level to level. Proposals too close to the border, and those of padding, are invalid: their boxes are
 * at +infinity (so that their sigmoid is 1) and their features are zero.
 */

import { constant, select } from "../../engine/kernel/language/expr.ts";
import { maskedFill } from "../../engine/ops/elementwise.ts";
import { concat } from "../../engine/ops/layout.ts";
import { pointwise } from "../../engine/ops/pointwise.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { type FeatureLevels, floatTensor, levelConstant, validSize } from "./levels.ts";

/** A proposal is valid where all its four numbers lie strictly between these. */
const SMALLEST = 0.01, LARGEST = 0.99;
/** Width and height at the finest level, as a share of the image. */
const BASE_SIZE = 0.05;

/** A box per token. */
interface Proposals {
  /** [N, tokens, 4]: logits of centre x, centre y, width, height; +infinity where invalid. */
  readonly boxes: Tensor;
  /** [N, tokens, 1]: 1 where invalid. */
  readonly invalid: Tensor;
}

const isValid = (value: number) => value > SMALLEST && value < LARGEST;
const logit = (p: number) => Math.log(p / (1 - p));

/** Centres of all tokens as shares of the filled part of their level: [N, tokens, 2], and the tokens' levels. */
function centres(levels: FeatureLevels): { xy: Float64Array; level: Uint8Array } {
  const { batch, tokens } = levels;
  const xy = new Float64Array(batch * tokens * 2);
  const level = new Uint8Array(tokens);
  for (let image = 0; image < batch; image++) {
    let token = 0;
    levels.masks.forEach((mask, l) => {
      const [validWidth, validHeight] = validSize(mask, image);
      for (let y = 0; y < mask.height; y++) {
        for (let x = 0; x < mask.width; x++) {
          xy.set([(x + 0.5) / validWidth, (y + 0.5) / validHeight], (image * tokens + token) * 2);
          level[token++] = l;
        }
      }
    });
  }
  return { xy, level };
}

/** The proposals of all tokens. `size` [1, 2] holds learned logits of the finest level's width and height. */
export function encoderProposals(levels: FeatureLevels, like: Tensor, size?: Tensor): Proposals {
  return size ? learnedProposals(levels, size) : fixedProposals(levels, like);
}

function fixedProposals(levels: FeatureLevels, { device }: Tensor): Proposals {
  const { batch, tokens } = levels;
  const constant = (name: string, make: () => Tensor) => levelConstant(levels, { device, name }, make);
  return {
    boxes: constant("proposals", () => floatTensor(device, fixedArrays(levels).boxes, [batch, tokens, 4])),
    invalid: constant("invalid proposals", () => tensor(device, fixedArrays(levels).invalid, [batch, tokens, 1])),
  };
}

function fixedArrays(levels: FeatureLevels): { readonly boxes: Float64Array; readonly invalid: Float32Array } {
  const { batch, tokens, padding } = levels;
  const { xy, level } = centres(levels);
  const boxes = new Float64Array(batch * tokens * 4).fill(Infinity);
  const invalid = new Float32Array(batch * tokens).fill(1);
  for (let i = 0; i < batch * tokens; i++) {
    const extent = BASE_SIZE * 2 ** level[i % tokens];
    const [x, y] = [xy[2 * i], xy[2 * i + 1]];
    if (padding[i] === 1 || ![x, y, extent].every(isValid)) continue;
    invalid[i] = 0;
    boxes.set([logit(x), logit(y), logit(extent), logit(extent)], 4 * i);
  }
  return { boxes, invalid };
}

/** 1 where a size is out of bounds. Has no useful gradient. */
const outOfBounds = pointwise(
  "out_of_bounds",
  { tensors: 1 },
  (p) => select(constant(SMALLEST).lt(p), select(p.lt(LARGEST), 0, 1), 1),
);
const sizeOp = pointwise("proposal_size", { tensors: 2 }, (size, scale) => size.sigmoid().mul(scale));
const logitOp = pointwise("logit", { tensors: 1 }, (p) => p.div(constant(1).sub(p)).log());

function learnedProposals(levels: FeatureLevels, size: Tensor): Proposals {
  const { batch, tokens, padding } = levels;
  const { device } = size;
  const { xy, level } = centres(levels);
  const logits = new Float64Array(xy.length);
  const invalidCentre = new Float32Array(batch * tokens).fill(1);
  for (let i = 0; i < batch * tokens; i++) {
    const [x, y] = [xy[2 * i], xy[2 * i + 1]];
    if (padding[i] === 1 || !isValid(x) || !isValid(y)) continue;
    invalidCentre[i] = 0;
    logits.set([logit(x), logit(y)], 2 * i);
  }
  const scale = floatTensor(device, Float64Array.from(level, (l) => 2 ** l), [tokens, 1]);
  const extents = sizeOp([size, scale]); // [tokens, 2]
  const outside = outOfBounds([extents.detach()]);
  const invalidSize = outside.slice(1, 0, 1).add(outside.slice(1, 1, 2)); // [tokens, 1], positive where invalid
  const invalid = tensor(device, invalidCentre, [batch, tokens, 1]).add(invalidSize);
  // Invalid sizes may be 1 or more: give the logarithm something harmless, or its gradient would be NaN.
  const sizeLogits = logitOp([maskedFill(extents, outside, 0.5)]);
  const centreLogits = floatTensor(device, logits, [batch, tokens, 2]);
  const wide = sizeLogits.reshape([1, tokens, 2]).add(tensor(device, new Float32Array(batch), [batch, 1, 1]));
  return { boxes: maskedFill(concat([centreLogits, wide], 2), invalid, Infinity), invalid };
}
