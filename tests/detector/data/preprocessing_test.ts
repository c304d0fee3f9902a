import { assertEquals, assertNotEquals } from "@std/assert";
import { Sha256 } from "../../../checkpoint/mod.ts";
import { CONFIG_KEYS, defaultConfig, type DinoConfig, preset, resolveConfig } from "../../../detector/config/mod.ts";
import { transformsOf } from "../../../detector/data/configured_transforms.ts";
import { resizeBilinear } from "../../../detector/data/images/resize.ts";
import { resizeOpenCv } from "../../../detector/data/images/resize_opencv.ts";
import { resizedSize } from "../../../detector/data/resized_size.ts";
import { sizesAfter } from "../../../detector/data/size_range.ts";
import { prepareForInference, type TransformStep } from "../../../detector/data/mod.ts";
import { blankImage } from "../../../detector/data/images/image.ts";
import { denormalizeImage, normalizeImage } from "../../../detector/data/normalize.ts";
import { formula } from "../../helpers/formula.ts";

interface Preprocessing {
  readonly resizes: readonly {
    readonly image: { readonly name: string; readonly shape: readonly [height: number, width: number, channels: 3] };
    readonly to: readonly [height: number, width: number];
    readonly data?: string;
    readonly sha256?: string;
  }[];
  readonly sizes: readonly [
    width: number,
    height: number,
    short: number,
    long: number,
    detectron2: readonly [width: number, height: number],
    mmcv: readonly [width: number, height: number],
  ][];
}

const golden: Preprocessing = JSON.parse(
  await Deno.readTextFile(new URL("../../goldens/preprocessing.json", import.meta.url)),
);

const bytes = (name: string, shape: readonly number[]) =>
  Uint8Array.from(formula({ name, kind: "int", lo: 0, hi: 256, shape }));

Deno.test("OpenCV's bilinear resize is met to the last bit: up, down, odd, halved, doubled, one axis alone", () => {
  for (const { image: { name, shape }, to: [height, width], data, sha256 } of golden.resizes) {
    const image = { width: shape[1], height: shape[0], data: bytes(name, shape) };
    const before = image.data.slice();
    const resized = resizeOpenCv(image, { width, height });
    assertEquals([resized.width, resized.height, resized.data.length], [width, height, width * height * 3]);
    const place = `${name} to ${width}x${height}`;
    if (data !== undefined) assertEquals([...resized.data], [...Uint8Array.fromBase64(data)], place);
    else assertEquals(new Sha256().update(resized.data).hex(), sha256, place);
    assertEquals(image.data, before, `${place}: the image itself changed`);
  }
});

Deno.test("sizes are those of detectron2 and MMCV, also where a half pixel tells them apart; strips keep a pixel", () => {
  let differing = 0;
  for (const [width, height, short, maxSize, detectron2, mmcv] of golden.sizes) {
    const of = (rule: DinoConfig["resize_rule"]) => {
      const size = resizedSize({ width, height }, { kind: "resize", sizes: [short], maxSize, rule }, 0);
      return [size.width, size.height];
    };
    const place = `${width}x${height} to ${short}, ${maxSize}`;
    // Both give a strip of 1333 x 1 no height at all, and fail on it.
    const drawable = (size: readonly number[]) => size.map((side) => Math.max(1, side));
    assertEquals(of("detectron2"), drawable(detectron2), place);
    assertEquals(of("mmdetection"), drawable(mmcv), place);
    if (`${detectron2}` !== `${mmcv}`) differing++;
  }
  assertNotEquals(differing, 0);
  const everyday = { kind: "resize", sizes: [800], maxSize: 1333 } as const;
  assertEquals(resizedSize({ width: 640, height: 480 }, everyday, 0), { width: 1066, height: 800 });
});

const OTHER: Partial<DinoConfig> = { resize_rule: "mmdetection", resize_filter: "opencv" };

Deno.test("the configured rule and filter hold wherever images are resized, in detection and in training", () => {
  const config = { ...defaultConfig(), ...OTHER, data_aug_scales: [40], data_aug_max_size: 67 };
  const image = { width: 32, height: 24, data: bytes("x", [24, 32, 3]) };
  const { pixels, shape } = prepareForInference(image, transformsOf(config, false));
  assertEquals(shape, [3, 40, 53]);
  assertEquals(pixels, normalizeImage(resizeOpenCv(image, { width: 53, height: 40 })));
  const official = { ...config, resize_rule: "official", resize_filter: "pillow" } as const;
  const before = prepareForInference(image, transformsOf(official, false));
  assertEquals(before.pixels, normalizeImage(resizeBilinear(image, { width: 53, height: 40 })));
  assertNotEquals(before.pixels, pixels);

  const resizes = (steps: readonly TransformStep[]): TransformStep[] =>
    steps.flatMap((step) =>
      step.kind === "select"
        ? resizes([...step.first, ...step.second])
        : step.kind === "resize" || step.kind === "squareCrop"
        ? [step]
        : []
    );
  for (const base of [preset("DINO_4scale"), preset("cards"), { ...preset("DINO_4scale"), fix_size: true }]) {
    const found = resizes(transformsOf({ ...base, ...OTHER }, true).steps);
    assertNotEquals(found.length, 0);
    for (const step of found) assertEquals("filter" in step && step.filter, "opencv");
  }
  // What is asked before a training has the same arithmetic.
  assertEquals(sizesAfter({ width: 640, height: 480 }, transformsOf({ ...preset("DINO_4scale"), ...OTHER }, false)), [
    { width: 1067, height: 800 },
  ]);
});

Deno.test("mean, deviation and order of the channels are the configured ones, and the way back knows them", () => {
  const image = { width: 2, height: 1, data: Uint8Array.of(255, 0, 51, 0, 102, 204) };
  const config = resolveConfig(
    { image_channels: "bgr", image_mean: [0.5, 0.25, 0], image_std: [1, 0.5, 0.25], data_aug_scales: [1] },
    { base: defaultConfig() },
  ).config;
  const { mean, std, channels } = transformsOf(config, false);
  const got = normalizeImage(image, { mean, std, channels });
  // Blue of both pixels, then green, then red.
  const expected = [0.2 - 0.5, 0.8 - 0.5, (0 - 0.25) / 0.5, (0.4 - 0.25) / 0.5, 1 / 0.25, 0];
  got.forEach((value, at) => assertEquals(Math.abs(value - expected[at]) < 1e-6, true, `${at}: ${value}`));
  assertEquals(denormalizeImage(got, { width: 2, height: 1, mean, std, channels }), image);
});

Deno.test("preprocessing that is none of the kinds is refused by its key", () => {
  const refused = [
    [{ resize_rule: "detectron" }, "did you mean detectron2?"],
    [{ image_mean: [0.5, 0.5] }, "three numbers"],
    [{ image_std: [0, 1, 1] }, "greater than 0"],
    [{ image_channels: "RGB" }, "one of rgb, bgr"],
  ] as const;
  for (const [given, hint] of refused) {
    let message = "";
    try {
      resolveConfig(given);
    } catch (error) {
      message = String(error);
    }
    assertEquals(message.includes(hint), true, message || JSON.stringify(given));
  }
});

Deno.test("images are prepared as before where nothing else is configured", () => {
  for (const key of ["resize_rule", "resize_filter", "image_channels", "image_mean", "image_std"] as const) {
    assertEquals(CONFIG_KEYS[key].default, defaultConfig()[key]);
  }
  const image = blankImage(640, 480);
  assertEquals(prepareForInference(image, transformsOf(defaultConfig(), false)).shape, [3, 800, 1066]);
});
