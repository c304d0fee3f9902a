import { deformableAttention } from "../../../engine/ops/deformable_attention.ts";
import { samplingLocations } from "../../../engine/ops/sampling_locations.ts";
import { checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";

const spatialShapes = [[4, 5], [2, 3]] as const;
const tokens = 26;

checkOp("deformableAttention, with points also outside the images", {
  inputs: [
    { shape: [2, tokens, 2, 8] },
    { shape: [2, 3, 2, 2, 2, 2], low: -0.2, high: 1.2 },
    { shape: [2, 3, 2, 2, 2], low: 0, high: 1 },
  ],
  run: ([value, locations, attentionWeights]) =>
    deformableAttention(value, { samplingLocations: locations, attentionWeights }, { spatialShapes }),
  step: 1e-6, // bilinear sampling has kinks at the pixels' centres
  tolerance: MANY_ROUNDINGS, // a location's rounding counts times the image's size
});

checkOp("deformableAttention with heads that are no multiple of four wide", {
  inputs: [
    { shape: [1, tokens, 2, 3] },
    { shape: [1, 4, 2, 2, 3, 2], low: 0, high: 1 },
    { shape: [1, 4, 2, 2, 3], low: 0, high: 1 },
  ],
  run: ([value, locations, attentionWeights]) =>
    deformableAttention(value, { samplingLocations: locations, attentionWeights }, { spatialShapes }),
  step: 1e-6,
  tolerance: MANY_ROUNDINGS,
});

checkOp("deformableAttention with the detector's head size of 32", {
  inputs: [
    { shape: [1, tokens, 2, 32] },
    { shape: [1, 5, 2, 2, 4, 2], low: -0.1, high: 1.1 },
    { shape: [1, 5, 2, 2, 4], low: 0, high: 1 },
  ],
  run: ([value, locations, attentionWeights]) =>
    deformableAttention(value, { samplingLocations: locations, attentionWeights }, { spatialShapes }),
  step: 1e-6,
  tolerance: MANY_ROUNDINGS,
});

checkOp("samplingLocations around points, in pixels of each level", {
  inputs: [{ shape: [2, 3, 2, 2], low: 0, high: 1 }, { shape: [2, 3, 2, 2, 3, 2] }],
  run: ([references, offsets]) => samplingLocations(references, offsets, { spatialShapes }),
});

checkOp("samplingLocations inside boxes, relative to half their size", {
  inputs: [{ shape: [2, 3, 2, 4], low: 0, high: 1 }, { shape: [2, 3, 2, 2, 3, 2] }],
  run: ([references, offsets]) => samplingLocations(references, offsets, { spatialShapes }),
});
