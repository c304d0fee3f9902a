/** Pixels as programs have them: what a canvas gives is detected in, drawn on and encoded like what a file gives. */
import { forgetConstants } from "../../../engine/constants.ts";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { buildDino } from "../../../detector/model/mod.ts";
import { decodeImage, encodeJpeg, encodePng, type Image, type Pixels } from "../../../detector/data/mod.ts";
import { annotateImage } from "../../../detector/draw/annotate.ts";
import { detectImage } from "../../../detector/inference/detect_image.ts";
import { createCpuDevice } from "../../../engine/device/wasm/device.ts";
import { DTypeError, ShapeError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { tinyConfig } from "../../helpers/tiny_model.ts";

const random = RandomStream.named(1, "pixels");
const IMAGE: Image = { width: 60, height: 40, data: Uint8Array.from({ length: 7200 }, () => random.int(256)) };

/** The same colours with an alpha that varies, as a canvas gives it. */
const CANVAS: Pixels = {
  width: 60,
  height: 40,
  data: Uint8ClampedArray.from(
    { length: 9600 },
    (_, at) => at % 4 === 3 ? at % 251 : IMAGE.data[(at - at % 4) / 4 * 3 + at % 4],
  ),
};

const odd = (changes: Partial<Record<keyof Pixels, unknown>>) => ({ ...IMAGE, ...changes }) as Pixels;
const WRONG: readonly [error: typeof ShapeError | typeof DTypeError, message: string, pixels: Pixels][] = [
  [
    ShapeError,
    "expected 3 or 4 bytes for each of 60 x 40 pixels but found 7199 bytes",
    odd({ data: new Uint8Array(7199) }),
  ],
  [ShapeError, "but found 2400 bytes", odd({ data: new Uint8Array(2400) })], // gray
  [
    ShapeError,
    "expected an image of at least 1 x 1 pixels but found 0 x 40",
    odd({ width: 0, data: new Uint8Array(0) }),
  ],
  [ShapeError, "but found 60 x 40.5", odd({ height: 40.5 })],
  [ShapeError, "but found nothing x 40", odd({ width: undefined })],
  [DTypeError, "expected pixels as a Uint8Array or Uint8ClampedArray but found", odd({ data: new Float32Array(7200) })],
  [DTypeError, "but found [1, 2, 3]", odd({ data: [1, 2, 3] })],
];

Deno.test("an image with alpha is what it is without, as when it is read from a file; wrong pixels are refused", async () => {
  const device = await createCpuDevice({ threads: 1 });
  try {
    const config = tinyConfig();
    const model = buildDino({ device, random: RandomStream.named(3, "initialization") }, config).evaluate();
    forgetConstants(device); // kept on purpose
    const before = device.memory.used;
    const found = await detectImage(model, IMAGE, { config });
    const again = Uint8ClampedArray.from(CANVAS.data);
    assertEquals(await detectImage(model, CANVAS, { config }), found);
    assertEquals(CANVAS.data, again, "the canvas stays as it is");
    assertEquals(await detectImage(model, { ...IMAGE, data: new Uint8ClampedArray(IMAGE.data) }, { config }), found);
    for (const [error, message, pixels] of WRONG) {
      const refused = await assertRejects(() => detectImage(model, pixels, { config }), error, message);
      assertEquals(refused.message.split(":")[0], "detectImage");
    }
    forgetConstants(device);
    assertEquals(device.memory.used, before);
  } finally {
    await device.destroy();
  }
});

Deno.test("pixels with alpha are encoded and drawn on like those without, and wrong ones are refused", async () => {
  assertEquals(encodePng(CANVAS), encodePng(IMAGE));
  assertEquals((await decodeImage(encodePng(CANVAS), { name: "canvas" })).data, IMAGE.data);
  assertEquals(await encodeJpeg(CANVAS), await encodeJpeg(IMAGE));
  const box = [{ category_id: 1, label: 1, name: "one", score: 0.9, box: [5, 5, 30, 30] as const }];
  assertEquals(await annotateImage(CANVAS, box), await annotateImage(IMAGE, box));
  for (const [error, message, pixels] of WRONG) {
    assertThrows(() => encodePng(pixels), error, message);
    await assertRejects(() => encodeJpeg(pixels), error, message);
    await assertRejects(() => annotateImage(pixels, box), error, message);
  }
});
