/** L1 and generalised IoU losses of matched pairs of boxes, on the device, each one kernel with a derived gradient. */

import type { Expr } from "../../engine/kernel/language/expr.ts";
import { pointwise } from "../../engine/ops/pointwise.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { AREA_EPSILON } from "./boxes.ts";

const distanceOp = pointwise("box_distance", { tensors: 2 }, (box, target) => box.sub(target).abs());

/** |box - target|, element by element. */
export const boxDistance = (boxes: Tensor, targets: Tensor): Tensor => distanceOp([boxes, targets]);

/** Along one axis: length of the intersection and of the hull of two intervals given by centre and length. */
function interval(centre: Expr, length: Expr, other: Expr, otherLength: Expr) {
  const [low, high] = [centre.sub(length.mul(0.5)), centre.add(length.mul(0.5))];
  const [otherLow, otherHigh] = [other.sub(otherLength.mul(0.5)), other.add(otherLength.mul(0.5))];
  return {
    own: high.sub(low),
    others: otherHigh.sub(otherLow),
    shared: high.min(otherHigh).sub(low.max(otherLow)).max(0),
    hull: high.max(otherHigh).sub(low.min(otherLow)).max(0),
  };
}

const giouOp = pointwise("generalized_iou", { tensors: 8 }, (x, y, w, h, targetX, targetY, targetW, targetH) => {
  const across = interval(x, w, targetX, targetW);
  const down = interval(y, h, targetY, targetH);
  const intersection = across.shared.mul(down.shared);
  const union = across.own.mul(down.own).add(across.others.mul(down.others)).sub(intersection);
  const hull = across.hull.mul(down.hull);
  const iou = intersection.div(union.add(AREA_EPSILON));
  return iou.sub(hull.sub(union).div(hull.add(AREA_EPSILON)));
});

/** Generalised IoU of pairs of boxes, both [4, n] (rows: centre x, centre y, width, height), or broadcasting to it: [1, n]. */
export function pairwiseGiou(boxes: Tensor, targets: Tensor): Tensor {
  const rows = (x: Tensor) => [0, 1, 2, 3].map((row) => x.slice(0, row, row + 1));
  return giouOp([...rows(boxes), ...rows(targets)]);
}
