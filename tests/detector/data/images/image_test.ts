import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DinogradError } from "../../../../engine/errors.ts";
import { adjustBrightness, adjustContrast } from "../../../../detector/data/images/colour.ts";
import { sha256 } from "../../../../checkpoint/codec/checksums.ts";
import type { Image } from "../../../../detector/data/images/image.ts";
import {
  decodeImage,
  encodeJpeg,
  encodePng,
  readImage,
  sizeOfImage,
} from "../../../../detector/data/images/image_codec.ts";
import { resizeBilinear } from "../../../../detector/data/images/resize.ts";

const FIXTURES = new URL("fixtures/", import.meta.url).pathname;

interface Pixels {
  width: number;
  height: number;
  sha256: string;
}
interface Expected {
  images: Record<string, Pixels & { upright?: Pixels }>;
  operations: {
    resize: Pixels[];
    brightness: { factor: number; sha256: string }[];
    contrast: { factor: number; sha256: string }[];
  };
}
const expected: Expected = JSON.parse(await Deno.readTextFile(`${FIXTURES}expected.json`));

function summary({ width, height, data }: Image): Pixels {
  return { width, height, sha256: sha256(data).toHex() };
}

for (const [name, { upright, ...stored }] of Object.entries(expected.images)) {
  Deno.test(`${name} decodes to exactly Pillow's pixels`, async () => {
    assertEquals(summary(await readImage(FIXTURES + name)), stored);
  });
  if (upright) {
    Deno.test(`${name} is turned upright when the Exif orientation is asked for`, async () => {
      assertEquals(summary(await readImage(FIXTURES + name, { exifOrientation: true })), upright);
    });
  }
}

const damaged: Record<string, string> = {
  "truncated.jpg": "truncated",
  "truncated_progressive.jpg": "truncated",
  "no_end_marker.jpg": "truncated",
  "header_only.jpg": "truncated",
  "garbage.jpg": "truncated",
  "cmyk.jpg": "CMYK",
  "truncated.png": "truncated",
  "wrong_checksum.png": "damaged",
  "text.png": "it is no JPEG, PNG, WebP, BMP or TIFF file",
  "truncated.webp": "truncated",
  "damaged.webp": "the WebP data is damaged",
  "animated.webp": "an animated WebP is not supported; save one of its pictures as PNG",
  "truncated.bmp": "truncated",
  "run_lengths.bmp": "8 bits and compression 1; convert it to PNG",
  "picture.gif": "but found a GIF; convert it to PNG",
  "packbits.tif": "colour 2 of 3 x 8 bits, compression 32773; convert it to PNG",
  "not_there.jpg": "there is no such file",
};
for (const [name, reason] of Object.entries(damaged)) {
  Deno.test(`${name} is refused in one line that names the file and the reason`, async () => {
    const error = await assertRejects(() => readImage(FIXTURES + name), DinogradError);
    assertEquals(error.kind, "data");
    assertStringIncludes(error.message, FIXTURES + name);
    assertStringIncludes(error.message, reason);
    assert(!error.message.includes("\n"));
  });
}

for (const name of Object.keys(expected.images)) {
  Deno.test(`the size of ${name} is read from its header alone, and holds it to the limit`, async () => {
    const bytes = await Deno.readFile(FIXTURES + name);
    const { width, height } = expected.images[name];
    assertEquals(await sizeOfImage(bytes, { name }), { width, height });
    const wait = () => decodeImage(bytes, { name, maxPixels: width * height - 1 });
    await assertRejects(wait, DinogradError, `expected at most ${width * height - 1} pixels`);
  });
}

Deno.test("the codecs of WebP, BMP and TIFF are not loaded by who reads JPEG and PNG", async () => {
  const codec = new URL("../../../../detector/data/images/image_codec.ts", import.meta.url).href;
  const args = ["info", "--json", codec];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  const { modules }: { modules: { specifier: string; dependencies?: { specifier: string; isDynamic?: boolean }[] }[] } =
    JSON.parse(new TextDecoder().decode(stdout));
  const known = modules.find(({ specifier }) => specifier === codec)?.dependencies ?? [];
  const lazy = known.filter(({ isDynamic }) => isDynamic).map(({ specifier }) => specifier);
  assertEquals(lazy.sort(), ["./bmp.ts", "./tiff.ts", "./webp.ts"]);
  for (const { specifier, dependencies = [] } of modules) {
    if (/\/(bmp|tiff|webp)\.ts$/.test(specifier)) continue;
    for (const one of dependencies) assert(!/^(tiff$|@jsquash\/webp)/.test(one.specifier), specifier);
  }
});

Deno.test("an empty file is refused", async () => {
  const error = await assertRejects(() => decodeImage(new Uint8Array(), { name: "a.jpg" }), DinogradError);
  assertEquals(error.message, "cannot decode image a.jpg: the file is empty");
});

Deno.test("many images decoded at once do not disturb one another, damaged ones included", async () => {
  const names = Object.keys(expected.images).filter((name) => name.endsWith(".jpg"));
  const mixed = names.flatMap((name) => [name, "truncated.jpg", "garbage.jpg"]);
  const outcomes = await Promise.allSettled(mixed.map((name) => readImage(FIXTURES + name)));
  outcomes.forEach((outcome, at) => {
    const wanted = expected.images[mixed[at]];
    if (wanted === undefined) return assertEquals(outcome.status, "rejected");
    assertEquals(outcome.status === "fulfilled" && summary(outcome.value).sha256, wanted.sha256);
  });
});

for (const { width, height, sha256: hash } of expected.operations.resize) {
  Deno.test(`resizing to ${width}x${height} equals Pillow's bilinear filter`, async () => {
    const image = await readImage(`${FIXTURES}chroma_444.jpg`);
    assertEquals(summary(resizeBilinear(image, { width, height })), { width, height, sha256: hash });
  });
}

for (const [operation, adjust] of Object.entries({ brightness: adjustBrightness, contrast: adjustContrast })) {
  Deno.test(`${operation} changes equal Pillow's`, async () => {
    const image = await readImage(`${FIXTURES}chroma_444.jpg`);
    const wanted = operation === "brightness" ? expected.operations.brightness : expected.operations.contrast;
    for (const { factor, sha256: hash } of wanted) {
      assertEquals(sha256(adjust(image, factor).data).toHex(), hash, `${factor}`);
    }
  });
}

Deno.test("a PNG comes back from its encoder unchanged", async () => {
  const image = await readImage(`${FIXTURES}rgb.png`);
  assertEquals(summary(await decodeImage(encodePng(image), { name: "copy" })), summary(image));
});

Deno.test("a JPEG comes back from its encoder close to the original, closer at a higher quality", async () => {
  const image = await readImage(`${FIXTURES}chroma_420.jpg`);
  const errors = [];
  for (const quality of [40, 90]) {
    const bytes = await encodeJpeg(image, { quality });
    assertEquals(bytes, await encodeJpeg(image, { quality }));
    const copy = await decodeImage(bytes, { name: "copy" });
    errors.push(copy.data.reduce((sum, value, at) => sum + Math.abs(value - image.data[at]), 0) / copy.data.length);
  }
  assert(errors[1] < errors[0] && errors[1] < 6 && errors[0] < 20, errors.join());
});
