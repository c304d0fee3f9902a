import { depthwiseConv2d } from "../../../engine/ops/depthwise_conv.ts";
import { checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";

checkOp("depthwiseConv2d convolves each channel by itself", {
  inputs: [{ shape: [2, 3, 6, 5] }, { shape: [3, 1, 3, 3] }, { shape: [3] }],
  run: ([x, weight, bias]) => depthwiseConv2d(x, { weight, bias }, { padding: 1 }),
});

checkOp("depthwiseConv2d with ConvNeXt's window, larger than a small image", {
  inputs: [{ shape: [1, 5, 4, 8] }, { shape: [8, 1, 7, 7] }],
  run: ([x, weight]) => depthwiseConv2d(x, { weight }, { padding: 3, channelsLast: true }),
  tolerance: MANY_ROUNDINGS, // sums over up to 49 taps, and over all pixels
});

checkOp("depthwiseConv2d without padding", {
  inputs: [{ shape: [1, 4, 5, 6] }, { shape: [4, 1, 3, 2] }],
  run: ([x, weight]) => depthwiseConv2d(x, { weight }),
});
