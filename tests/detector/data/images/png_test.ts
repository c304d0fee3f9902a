/** PNG pixels against `pngjs`, an independent decoder and encoder, and the inflating that a page does against zlib's. */
import { assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { deflateSync, gzipSync } from "node:zlib";
import { PNG } from "pngjs";
import { decodeImage, encodePng } from "../../../../detector/data/mod.ts";
import { inflateInJavaScript } from "../../../../detector/data/images/inflate_in_javascript.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { joinBytes } from "../../../helpers/bytes.ts";
import { PNG_KINDS, pngFile, type PngParts, pngRowBytes } from "../../../helpers/png_files.ts";

/** Rows of random bytes, each with one of the filters. */
function randomRows(parts: PngParts, random: RandomStream): Uint8Array {
  return joinBytes(
    ...pngRowBytes(parts).map((bytes) => Uint8Array.from({ length: bytes }, (_, at) => random.int(at === 0 ? 5 : 256))),
  );
}

Deno.test("every kind of PNG, with every filter and size of pass, decodes to the pixels that another decoder gives", async () => {
  const random = RandomStream.named(1, "png");
  for (const [colourType, depth] of PNG_KINDS) {
    for (const [width, height] of [[1, 1], [3, 2], [9, 5], [13, 17]]) {
      for (const interlace of [0, 1]) {
        const parts = { width, height, depth, colourType, interlace };
        const file = pngFile({ ...parts, rows: randomRows(parts, random) });
        const image = await decodeImage(file, { name: JSON.stringify(parts) });
        const { data } = PNG.sync.read(Buffer.from(file), { skipRescale: true });
        const scale = colourType === 0 && depth < 8 ? 255 / (2 ** depth - 1) : 1;
        const expected = Array.from(data, (value: number) => depth === 16 ? value >> 8 : value * scale);
        assertEquals([...image.data], expected.filter((_, at) => at % 4 !== 3), JSON.stringify(parts));
      }
    }
  }
});

Deno.test("a picture encodes to the bytes that another encoder gives", () => {
  const random = RandomStream.named(2, "png");
  for (const [width, height] of [[1, 1], [5, 3], [64, 40]]) {
    const smooth = (at: number) => (at % (3 * width) + Math.floor(at / (3 * width)) * 2 + random.int(3)) & 255;
    const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => smooth(at));
    const png = new PNG({ width, height });
    png.data = Buffer.from(data);
    const expected = PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
    assertEquals(encodePng({ width, height, data }), new Uint8Array(expected));
  }
});

Deno.test("where there is no zlib, a stream is inflated to its end and not beyond, and held to its checksum and length", () => {
  const content = new Uint8Array(200_000).map((_, at) => at * at);
  const stream = new Uint8Array(deflateSync(content));
  assertEquals(inflateInJavaScript(joinBytes(stream, stream, Uint8Array.of(7)), content.length), content);
  assertEquals(inflateInJavaScript(stream, content.length + 1), content);
  assertEquals(inflateInJavaScript(stream, content.length - 1), undefined);
  assertEquals(inflateInJavaScript(new Uint8Array(deflateSync(new Uint8Array(2 ** 24))), 1000), undefined);
  assertThrows(() => inflateInJavaScript(stream.subarray(0, -1), content.length), Error, "unexpected end of file");
  assertThrows(() => inflateInJavaScript(new Uint8Array(), 1), Error, "unexpected end of file");
  assertThrows(() => inflateInJavaScript(stream.with(-1, stream[0]), content.length), Error, "incorrect data check");
  assertThrows(() => inflateInJavaScript(new Uint8Array(gzipSync(content)), content.length), Error, "header");
});
