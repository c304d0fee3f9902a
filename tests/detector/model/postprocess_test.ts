import { assertAlmostEquals, assertEquals } from "@std/assert";
import { postprocess } from "../../../detector/model/postprocess.ts";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { tensor } from "../../../engine/tensor.ts";

/** Centre and size, relative to the image: the second lies almost on the first, the third beside them. */
const BOXES = [[0.3, 0.4, 0.2, 0.4], [0.31, 0.4, 0.2, 0.4], [0.7, 0.6, 0.4, 0.2]];
const SIZE = [100, 200] as const;

function predictions() {
  const device = new ReferenceDevice();
  return {
    predLogits: tensor(device, Float32Array.of(2, -9, 1, -9, 0, -9), [1, 3, 2]),
    predBoxes: tensor(device, Float32Array.from(BOXES.flat()), [1, 3, 4]),
  };
}

Deno.test("suppression keeps the same detections whatever the format of the boxes", async () => {
  const expected = {
    xyxy: [[40, 20, 80, 60], [100, 50, 180, 70]],
    xywh: [[40, 20, 40, 40], [100, 50, 80, 20]],
    cxcywh: [[60, 40, 40, 40], [140, 60, 80, 20]],
  };
  for (const boxFormat of ["xyxy", "xywh", "cxcywh"] as const) {
    const [{ scores, labels, boxes }] = await postprocess(predictions(), [SIZE], {
      numSelect: 3,
      nmsIouThreshold: 0.5,
      boxFormat,
    });
    assertEquals([...labels], [0, 0], boxFormat);
    assertAlmostEquals(scores[1], 0.5, 1e-7);
    // Boxes come from the model as float32: 200 pixels x 2^-24.
    [...boxes].forEach((value, i) => assertAlmostEquals(value, expected[boxFormat].flat()[i], 2e-5, boxFormat));
  }
});

Deno.test("without suppression all of num_select are kept, best first", async () => {
  const [{ scores, boxes }] = await postprocess(predictions(), [SIZE], { numSelect: 4 });
  assertEquals(scores.length, 4);
  assertEquals(boxes.length, 16);
  assertEquals([...scores], [...scores].toSorted((a, b) => b - a));
});

Deno.test("clipped boxes end at the edges of the image, and those beyond it are left out with their scores", async () => {
  const device = new ReferenceDevice();
  // Over the left and upper edge; over the right one; wholly beyond the lower edge; within.
  const boxes = [[0, 0.25, 0.5, 1], [0.75, 0.5, 1, 0.5], [0.5, 1.5, 0.5, 0.5], [0.5, 0.5, 0.25, 0.25]];
  const predictions = {
    predLogits: tensor(device, Float32Array.of(4, 3, 2, 1), [1, 4, 1]),
    predBoxes: tensor(device, Float32Array.from(boxes.flat()), [1, 4, 4]),
  };
  const options = { numSelect: 4 };
  const [plain] = await postprocess(predictions, [SIZE], options);
  assertEquals([...plain.boxes.subarray(0, 4)], [-50, -25, 50, 75]);
  const [clipped] = await postprocess(predictions, [SIZE], { ...options, clip: true });
  assertEquals([...clipped.boxes], [0, 0, 50, 75, 50, 25, 200, 75, 75, 37.5, 125, 62.5]);
  assertEquals([...clipped.scores], [0, 1, 3].map((at) => plain.scores[at]));
  const [sized] = await postprocess(predictions, [SIZE], { ...options, clip: true, boxFormat: "xywh" });
  assertEquals([...sized.boxes.subarray(4, 8)], [50, 25, 150, 50]);
});
