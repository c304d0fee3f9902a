/** Images that give the model too few tokens: foreseen from their sizes, and named where they come all the same. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { checkSplit } from "../../../../commands/doctor/data.ts";
import { type DinoConfig, preset } from "../../../../detector/config/mod.ts";
import { transformsOf } from "../../../../detector/data/configured_transforms.ts";
import { openDataset } from "../../../../detector/data/mod.ts";
import { blankImage } from "../../../../detector/data/images/image.ts";
import { pixelTarget } from "../../../../detector/data/coco.ts";
import { loadSample } from "../../../../detector/data/batch.ts";
import { sizesAfter } from "../../../../detector/data/size_range.ts";
import { applyTransforms } from "../../../../detector/data/transforms.ts";
import { tokensOf } from "../../../../detector/model/token_count.ts";
import { outlineModel } from "../../../../detector/train/model_outline.ts";
import { findSmallImages } from "../../../../detector/train/start/image_sizes.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { scope } from "../../../../engine/scope.ts";
import { tensor } from "../../../../engine/tensor.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { writeTinySplit } from "../../../helpers/tiny_dataset.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../../helpers/tiny_training.ts";

const BACKBONES: readonly Partial<DinoConfig>[] = [
  preset("cards"),
  { ...preset("DINO_4scale"), backbone: "resnet18" },
  { ...preset("DINO_4scale"), dilation: true },
  { ...preset("DINO_5scale"), backbone: "resnet18" },
  preset("DINO_4scale_swin"),
  { ...preset("DINO_4scale_convnext"), backbone: "convnext_tiny_1k" },
];

for (const given of BACKBONES) {
  const { backbone, num_feature_levels: levels, dilation } = given;
  Deno.test(`the tokens of ${backbone} with ${levels} levels${dilation ? ", dilated," : ""} are those that the model counts`, () => {
    const config = { ...tinyTrainingConfig(), ...given, num_queries: 20_000 };
    const model = outlineModel(config);
    for (const [width, height] of [[64, 64], [65, 33], [100, 37], [31, 200], [7, 90], [129, 257]]) {
      using _ = scope();
      const images = tensor(model.device, new Float32Array(3 * width * height), [1, 3, height, width]);
      const mask = new Uint8Array(width * height);
      let message = "";
      try {
        model.forward({ images, mask, auxiliary: false });
      } catch (error) {
        message = error instanceof Error ? error.message : "";
      }
      const counted = /as the image has tokens \((\d+)\)/.exec(message)?.[1];
      // A strip that is too narrow for one patch of the last stage has none: the backbone itself refuses it.
      if (counted === undefined) assertMatch(message, /an image as large as the kernel/);
      assertEquals(tokensOf({ width, height }, config), Number(counted ?? 0), `${width} x ${height}`);
    }
  });
}

Deno.test("whatever augmentation draws, an image comes to no fewer and no more tokens than was foreseen", () => {
  const cards = preset("cards");
  const official = {
    ...tinyTrainingConfig(),
    augmentation: "coco",
    data_aug_scales: [48, 64, 80],
    data_aug_max_size: 133,
    data_aug_scales2_resize: [40, 50, 60],
    data_aug_scales2_crop: [38, 60],
  } as const;
  for (const config of [cards, official, { ...official, strong_aug: true }, { ...official, fix_size: true }]) {
    assert(config);
    for (const training of [true, false]) {
      const spec = transformsOf(config, training);
      for (const [width, height] of [[60, 45], [20, 90], [200, 30]]) {
        const foreseen = sizesAfter({ width, height }, spec).map((size) => tokensOf(size, config));
        const found = new Set<number>();
        for (let draw = 0; draw < 60; draw++) {
          const image = blankImage(width, height);
          const object = { id: 1, image_id: 1, category_id: 1, bbox: [2, 2, 12, 12], area: 144, iscrowd: 0 };
          const target = pixelTarget({ imageId: 1, objects: [object] }, image);
          const { image: result } = applyTransforms({ image, target }, spec, RandomStream.named(draw, "sizes"));
          found.add(tokensOf(result, config));
        }
        assert(Math.min(...found) >= Math.min(...foreseen), `${[...found]} ${foreseen}`);
        assert(Math.max(...found) <= Math.max(...foreseen), `${[...found]} ${foreseen}`);
      }
    }
  }
});

/** Strips come to one pixel of height: 13 + 7 + 4 tokens. */
const STRIP = { width: 200, height: 2, objects: [{ category_id: 1, bbox: [1, 0, 50, 2] }] };
const QUERIES = 30;
const WITH_QUERIES = { num_queries: QUERIES, batch_size: 1, use_ema: false, epochs: 1 };

async function addStrip(cocoPath: string, split: "train" | "val", { withSize = true } = {}): Promise<void> {
  const path = `${cocoPath}/annotations/instances_${split}2017.json`;
  const before = JSON.parse(await Deno.readTextFile(path));
  const added = await inFolder(async (other) => {
    await writeTinySplit(other, split, { images: [{ id: 99, ...STRIP }] });
    await Deno.rename(`${other}/${split}2017/99.png`, `${cocoPath}/${split}2017/99.png`);
    return JSON.parse(await Deno.readTextFile(`${other}/annotations/instances_${split}2017.json`));
  });
  const images = [...before.images, ...added.images].map(({ width, height, ...image }) =>
    withSize ? { ...image, width, height } : image
  );
  const annotations = [...before.annotations, ...added.annotations].map((one, id) => ({ ...one, id: id + 1 }));
  await Deno.writeTextFile(path, JSON.stringify({ ...before, images, annotations }));
}

Deno.test("a strip that ends every evaluation is refused at the start, by doctor and by training", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    await addStrip(cocoPath, "val");
    const config = tinyTrainingConfig(WITH_QUERIES);
    const error = await assertRejects(
      () => runTraining(tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config })),
      DinogradError,
    );
    assertEquals(error.kind, "config");
    const text = "val: image 99 of 200 x 2 pixels comes to 24 tokens, fewer than num_queries=30";
    assertStringIncludes(error.message, `${text}; lower num_queries`);
    const question = { config, recorded: undefined, allImages: false, maxImagePixels: 1e6, strict: false };
    const findings = await checkSplit(cocoPath, "val", question);
    const [{ level, text: found, kind, remedy }] = findings.filter(({ level }) => level === "wrong");
    assertEquals([level, found, kind], ["wrong", text, "config"]);
    assertStringIncludes(remedy ?? "", "lower num_queries");
  }));

Deno.test("a strip that may end training is warned of where others may pad it", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    await addStrip(cocoPath, "train");
    const config = tinyTrainingConfig({ ...WITH_QUERIES, batch_size: 2 });
    const options = tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config }, { dryRun: true });
    const { ui } = await runTraining(options);
    assertEquals(ui.warnings.filter((line) => line.includes("image 99")).length, 1, ui.warnings.join("\n"));
    assertMatch(
      ui.warnings.join(),
      /train: image 99 of 200 x 2 pixels may come to \d+ tokens, fewer than num_queries=30: /,
    );
  }));

Deno.test("sizes that the annotations make up refuse nothing", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const path = `${cocoPath}/annotations/instances_val2017.json`;
    const file = JSON.parse(await Deno.readTextFile(path));
    const images = file.images.map((image: object) => ({ ...image, width: 200, height: 2 }));
    await Deno.writeTextFile(path, JSON.stringify({ ...file, images }));
    const config = tinyTrainingConfig(WITH_QUERIES);
    assertEquals(findSmallImages(await openDataset(cocoPath, "val"), config).length, images.length);
    await runTraining(tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config }, { dryRun: true }));
  }));

Deno.test("a strip whose size the annotations do not tell is named when it ends training", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    await addStrip(cocoPath, "train", { withSize: false });
    const config = tinyTrainingConfig(WITH_QUERIES);
    const error = await assertRejects(
      () => runTraining(tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config })),
      DinogradError,
    );
    assertEquals(error.kind, "config");
    assertStringIncludes(
      error.message,
      "image 99: num_queries: expected at most as many queries as the image has tokens (24)",
    );
  }));

Deno.test("a strip that resizing would blow up is refused by name instead of taking all memory", () =>
  inFolder(async (folder) => {
    await writeTinySplit(folder, "train", {
      images: [{ id: 1, width: 1, height: 60_000, objects: [{ category_id: 1, bbox: [0, 0, 1, 9] }] }],
    });
    const dataset = await openDataset(folder, "train");
    const transforms = { steps: [{ kind: "resize", sizes: [600] }], mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const error = await assertRejects(
      () => loadSample({ entry: dataset.entry(0), transforms, seed: 1, epoch: 0, index: 0 }),
      DinogradError,
    );
    assertEquals(error.kind, "data");
    assertStringIncludes(
      error.message,
      `image ${folder}/train2017/1.png: expected at most 100000000 pixels after resizing`,
    );
  }));
