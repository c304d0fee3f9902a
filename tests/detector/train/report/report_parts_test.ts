/** The parts of a run's report: thinned curves, sums of losses, counts of labels, sheets of images, the time left. */
import { assert, assertAlmostEquals, assertEquals, fail } from "@std/assert";
import { COLOUR_DISTANCE, distance, pixelAt } from "../../../helpers/pixels.ts";
import { openDataset, type Target } from "../../../../detector/data/mod.ts";
import { denormalizeImage, IMAGENET_NORMALIZATION, normalizeImage } from "../../../../detector/data/normalize.ts";
import { contactSheet, renderOpaque } from "../../../../detector/draw/mod.ts";
import { StateReader } from "../../../../detector/train/records/bundle_state.ts";
import { countLabels, labelsSvg } from "../../../../detector/train/report/label_picture.ts";
import { lossParts } from "../../../../detector/train/report/loss_parts.ts";
import { batchSheet, foundSheet, truthSheet } from "../../../../detector/train/report/sample_pictures.ts";
import { StepCurve } from "../../../../detector/train/report/step_curve.ts";
import { TimeLeft } from "../../../../detector/train/report/time_left.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { writeTinySplit } from "../../../helpers/tiny_dataset.ts";
import { tinyTrainingConfig } from "../../../helpers/tiny_training.ts";

Deno.test("a curve has few points however many steps there are, keeps their mean, and continues from its state", () => {
  const straight = new StepCurve(["a", "b"]);
  let resumed = new StepCurve(["a", "b"]);
  const steps = 12_345;
  for (let step = 1; step <= steps; step++) {
    const values = [Math.sin(step), step];
    straight.add(step, values);
    resumed.add(step, values);
    if (step % 777 === 0) resumed = StepCurve.fromState(new StateReader(resumed.toState(), "curve"), step);
  }
  const points = straight.points("b");
  assert(points.length > 150 && points.length <= 400, `${points.length}`);
  assertEquals(points.at(-1)?.[0], steps);
  assertEquals(resumed.toState(), straight.toState());
  // Every point is the mean of the steps since the one before.
  points.forEach(([step, mean], at) => assertAlmostEquals(mean, (step + (points[at - 1]?.[0] ?? 0) + 1) / 2, 1e-6));
  assertEquals(straight.points("c"), []);
});

Deno.test("losses are added up by kind and by source, with their weights, and what has none is left out", () => {
  const values = { loss_ce: 1, loss_ce_0: 2, loss_bbox_dn: 3, loss_giou_dn_1: 4, loss_giou_interm: 5, class_error: 6 };
  const weights = { loss_ce: 1, loss_ce_0: 1, loss_bbox_dn: 5, loss_giou_dn_1: 2, loss_giou_interm: 2 };
  assertEquals(lossParts(36, { ...values, loss_xy: 7 }, weights), {
    ...{ loss: 36, loss_ce: 3, loss_bbox: 15, loss_giou: 18 },
    ...{ loss_decoder: 3, loss_denoising: 23, loss_encoder: 10 },
  });
  assertEquals(lossParts(0, { loss_ce: 2, loss_ce_unscaled: 9 }).loss_ce, 2);
});

const CLASSES = [{ id: 1, name: "cat" }, { id: 2, name: "dog" }, { id: 7, name: "never seen" }];

const withImages = (
  test: (dataset: Awaited<ReturnType<typeof openDataset>>) => Promise<void>,
) =>
  inFolder(async (folder) => {
    await writeTinySplit(folder, "train", {
      categories: CLASSES,
      images: [
        {
          ...{ id: 1, width: 100, height: 200 },
          objects: [{ category_id: 1, bbox: [0, 0, 100, 100] }, { category_id: 2, bbox: [50, 190, 3, 6] }],
        },
        { id: 2, width: 64, height: 64, objects: [{ category_id: 1, bbox: [16, 16, 31, 31] }] },
      ],
    });
    await test(await openDataset(folder, "train"));
  });

Deno.test("labels are counted by class, size and position, also the classes without any", () =>
  withImages(async (dataset) => {
    const counts = countLabels(dataset);
    assertEquals(counts.classes, [
      { name: "cat", objects: 2, images: 2 },
      { name: "dog", objects: 1, images: 1 },
      { name: "never seen", objects: 0, images: 0 },
    ]);
    const filled = (table: readonly (readonly number[])[]) =>
      table.flatMap((row, y) => row.flatMap((count, x) => count > 0 ? [[y, x, count]] : []));
    // Rows are heights: half of the image and all of its width; 3 % of both; a little less than half of both.
    assertEquals(filled(counts.sizes), [[1, 1, 1], [5, 5, 1], [6, 6, 1]]);
    assertEquals(filled(counts.positions), [[2, 5, 1], [4, 4, 1], [9, 5, 1]]);
    const { width, height } = await renderOpaque(labelsSvg(counts));
    assert(width > 400 && height > 400);
    const many = {
      ...counts,
      classes: Array.from({ length: 80 }, (_, i) => ({ name: `c${i}`, objects: 80 - i, images: 1 })),
    };
    const names = [...labelsSvg(many).matchAll(/>(c\d+)</g)].map(([, name]) => name);
    assertEquals([names.length, names[0], names.at(-1)], [20, "c0", "c79"]);
  }));

Deno.test("what was normalised becomes the same 8-bit pixels again", () => {
  const data = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3) ^ (i % 3));
  const image = { width: 32, height: 8, data };
  const size = { width: 32, height: 8, ...IMAGENET_NORMALIZATION };
  assertEquals(denormalizeImage(normalizeImage(image), size), image);
});

Deno.test("a batch is drawn as the model gets it: padding in the mean colour, boxes where the unpadded image has them", () =>
  withImages(async (dataset) => {
    const [width, height] = [640, 480]; // drawn at its own size
    const plane = new Float32Array(3 * width * height).fill(0);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < 320; x++) plane[y * width + x] = 1; // the image is 320 wide and red; the rest is padding
    }
    const target: Target = {
      ...{ imageId: 1, labels: Int32Array.of(2), boxes: Float32Array.of(0.5, 0.5, 0.5, 0.5) },
      ...{ area: Float32Array.of(1), iscrowd: Uint8Array.of(0) },
      originalSize: [480, 320],
      size: [480, 320],
    };
    const sheet = await batchSheet(
      { images: plane, shape: [1, 3, height, width], targets: [target] },
      { dataset, config: tinyTrainingConfig() },
    );
    assertEquals([sheet.width, sheet.height], [width, height]);
    const inside = pixelAt(sheet, 160, 240), padding = pixelAt(sheet, 500, 240);
    assertEquals(padding, [124, 116, 104]);
    assertEquals(inside, [182, 116, 104]);
    // Left, top, right and bottom of the box are 80, 120, 240 and 360.
    for (const [x, y] of [[80, 250], [240, 250], [160, 360]]) {
      assert(distance(pixelAt(sheet, x, y), inside) > COLOUR_DISTANCE, `${x},${y}`);
    }
  }));

Deno.test("the first validation images are drawn with their objects, and with what scores enough", () =>
  withImages(async (dataset) => {
    const source = { dataset, config: tinyTrainingConfig(), maxPixels: 1e6 };
    const detection = (score: number) => ({ image_id: 2, category_id: 1, bbox: [16, 16, 31, 31] as const, score });
    const truth = await truthSheet(source) ?? fail("no truth");
    const [nothing, low, found] = await Promise.all(
      [[], [detection(0.29)], [detection(0.31)]].map(async (found) => await foundSheet(source, found) ?? fail("none")),
    );
    assertEquals(low, nothing);
    // 100x200 becomes 320x640; the second image begins after the gap.
    assertEquals([truth.width, truth.height], [320 + 8 + 640, 640]);
    const left = 328 + 160;
    for (const [sheet, isDrawn] of [[truth, true], [found, true], [nothing, false]] as const) {
      const same = distance(pixelAt(sheet, left, 400), pixelAt(nothing, left, 400)) < COLOUR_DISTANCE;
      assertEquals(!same, isDrawn);
    }
    assertEquals(await foundSheet({ ...source, maxPixels: 10 }, []), null);
  }));

Deno.test("a sheet has three pictures in a row, each in its shape", async () => {
  const picture = (width: number, height: number) => ({
    image: { width, height, data: new Uint8Array(width * height * 3) },
    boxes: [],
  });
  const sheet = await contactSheet([picture(10, 10), picture(20, 10), picture(10, 20), picture(10, 5)]);
  assertEquals([sheet.width, sheet.height], [640 + 8 + 640 + 8 + 320, 640 + 8 + 320]);
  assertEquals(pixelAt(sheet, 643, 10), [255, 255, 255]);
});

Deno.test("the time left counts the steps and evaluations to come, and guesses before the first evaluation", () => {
  const left = { steps: 10, evaluations: 2, evaluatedImages: 6 };
  const time = new TimeLeft();
  assertEquals(time.seconds(left), null);
  time.addStep(2, 4);
  time.addStep(4, 4);
  assertEquals(time.seconds(left), 10 * 3 + 2 * 6 * 0.75 / 3);
  time.addEvaluation(7);
  assertEquals(time.seconds(left), 10 * 3 + 2 * 7);
  assertEquals(time.seconds({ ...left, steps: 0, evaluations: 0 }), 0);
});
