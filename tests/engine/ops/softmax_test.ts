import { checkOp } from "../../helpers/check_op.ts";

checkOp("softmax over rows whose length is no multiple of four", {
  inputs: [{ shape: [3, 2, 7], low: -3, high: 3 }],
  run: ([x]) => x.softmax(),
});

checkOp("softmax does not overflow at large inputs", {
  inputs: [{ shape: [2, 5], values: [300, 301, 299, 300.5, 298, -300, -301, -300.5, -299.5, -302] }],
  run: ([x]) => x.softmax(),
  // The reference sees the same f32 inputs; only differences of inputs count, so the rounding is not magnified.
});

checkOp("softmax over long rows", {
  inputs: [{ shape: [2, 300], low: -3, high: 3 }],
  run: ([x]) => x.softmax(),
});
