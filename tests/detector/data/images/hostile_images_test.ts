import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Image } from "../../../../detector/data/images/image.ts";
import { decodeImage, encodeJpeg } from "../../../../detector/data/images/image_codec.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { joinBytes } from "../../../helpers/bytes.ts";
import { deflate, PNG_KINDS, pngChunk, pngFile, type PngParts, pngRowBytes } from "../../../helpers/png_files.ts";

const FIXTURES = new URL("fixtures/", import.meta.url).pathname;

async function refusal(bytes: Uint8Array, maxPixels?: number): Promise<string> {
  const error = await assertRejects(() => decodeImage(bytes, { name: "a", maxPixels }), DinogradError);
  assertEquals(error.kind, "data");
  assert(!error.message.includes("\n"));
  return error.message;
}

const SMALL = { width: 9, height: 100, depth: 8, colourType: 2 };
const rowsOf = (parts: PngParts) => new Uint8Array(pngRowBytes(parts).reduce((sum, bytes) => sum + bytes, 0));

for (const [colourType, depth] of PNG_KINDS) {
  for (const interlace of [0, 1]) {
    const parts = { width: 9, height: 10, depth, colourType, interlace };
    const what = `A PNG of colour type ${colourType} with ${depth} bits${interlace ? ", interlaced," : ""}`;
    Deno.test(`${what} needs all of its rows, no more and no fewer`, async () => {
      const rows = rowsOf(parts);
      const { width, height } = await decodeImage(pngFile({ ...parts, rows }), { name: "a" });
      assertEquals([width, height], [9, 10]);
      for (const length of [0, 1, rows.length - 1, rows.length + 1, 2 * rows.length]) {
        const changed = new Uint8Array(length);
        changed.set(rows.subarray(0, length));
        const message = await refusal(pngFile({ ...parts, rows: changed }));
        assert(
          message.includes(`expected ${rows.length} bytes but found ${length > rows.length ? "more" : length}`),
          message,
        );
      }
    });
  }
}

const stream = deflate(rowsOf(SMALL));
const sound = pngFile(SMALL);
const IHDR = sound.slice(8, 33);
const damaged: readonly (readonly [what: string, bytes: Uint8Array, reason: string])[] = [
  ["no pixels", pngFile({ ...SMALL, streams: [] }), "it has no pixels"],
  ["ten of its hundred rows", pngFile({ ...SMALL, rows: new Uint8Array(280) }), "expected 2800 bytes but found 280"],
  ["a stream that breaks off", pngFile({ ...SMALL, streams: [stream.subarray(0, -9)] }), "unexpected end of file"],
  ["a stream without its checksum", pngFile({ ...SMALL, streams: [stream.subarray(0, -4)] }), "unexpected end of file"],
  [
    "a wrong checksum of its rows",
    pngFile({ ...SMALL, streams: [stream.with(-1, stream[0])] }),
    "incorrect data check",
  ],
  [
    "a filter that does not exist",
    pngFile({ ...SMALL, rows: rowsOf(SMALL).fill(5, 28, 29) }),
    "a row has the filter 5",
  ],
  ["no end", pngFile({ ...SMALL, end: new Uint8Array() }), "the file is truncated"],
  ["half an end", sound.subarray(0, -3), "the file is truncated"],
  [
    "a chunk longer than the file",
    pngFile({ ...SMALL, end: Uint8Array.of(255, 255, 255, 255, 65, 65, 65, 65) }),
    "trunc",
  ],
  [
    "pixels that are interrupted",
    pngFile({ ...SMALL, streams: [stream], after: [pngChunk("tEXt"), pngChunk("IDAT")] }),
    "its pixels are interrupted",
  ],
  ["a second header", pngFile({ ...SMALL, before: [IHDR] }), "its chunk IHDR is not known or in the wrong place"],
  ["an unknown chunk that matters", pngFile({ ...SMALL, before: [pngChunk("ABCD")] }), "its chunk ABCD is not known"],
  ["a chunk whose name is no text", pngFile({ ...SMALL, before: [pngChunk("\x1b[2J")] }), "chunk ???J is not known"],
  [
    "a remark with a wrong checksum",
    pngFile({ ...SMALL, before: [pngChunk("tEXt", Uint8Array.of(1)).with(-1, 0)] }),
    "the checksum of its chunk tEXt is wrong",
  ],
  [
    "no palette where it needs one",
    pngFile({ ...SMALL, colourType: 3, palette: new Uint8Array() }),
    "its palette is broken",
  ],
  [
    "a palette of half colours",
    pngFile({ ...SMALL, colourType: 3, palette: new Uint8Array(4) }),
    "its palette is broken",
  ],
  [
    "two palettes",
    pngFile({ ...SMALL, palette: new Uint8Array(3), before: [pngChunk("PLTE", new Uint8Array(3))] }),
    "palette",
  ],
  [
    "an index beyond its palette",
    pngFile({ ...SMALL, colourType: 3, palette: new Uint8Array(3), rows: new Uint8Array(1000).fill(1, 5, 6) }),
    "index 1 not in palette",
  ],
  ["no width", pngFile({ ...SMALL, width: 0 }), "its size is 0 x 100"],
  ["16 bits of a palette", pngFile({ ...SMALL, colourType: 3, depth: 16 }), "16 bits of colour type 3 do not exist"],
  ["a colour type that does not exist", pngFile({ ...SMALL, colourType: 5 }), "8 bits of colour type 5 do not exist"],
  ["another kind of interlacing", pngFile({ ...SMALL, interlace: 2 }), "interlacing 2"],
  [
    "something before its header",
    joinBytes(sound.subarray(0, 8), pngChunk("tEXt"), sound.subarray(8)),
    "begin with a header",
  ],
  ["its signature alone", sound.subarray(0, 8), "truncated before its header"],
];
for (const [what, bytes, reason] of damaged) {
  Deno.test(`a PNG with ${what} is refused`, async () => {
    const message = await refusal(bytes);
    assert(message.startsWith("cannot decode image a: ") && message.includes(reason), message);
  });
}

Deno.test("a PNG with remarks, several pieces of data, an empty one, and bytes after its rows and its end is read", async () => {
  const text = pngChunk("tEXt", Uint8Array.of(65, 0, 66));
  const streams = [stream.subarray(0, 7), new Uint8Array(), stream.subarray(7), stream, Uint8Array.of(9)];
  const bytes = joinBytes(pngFile({ ...SMALL, streams, before: [text], after: [text] }), Uint8Array.of(1, 2, 3));
  assertEquals((await decodeImage(bytes, { name: "a" })).data, new Uint8Array(2700));
});

Deno.test("an image with more pixels than allowed is refused by its header, before anything is decoded", async () => {
  const bombs = {
    "20000 x 10000 = 200000000": pngFile({ ...SMALL, width: 20000, height: 10000, streams: [] }),
    "20000 x 20000 = 400000000": withJpegSize(await jpeg(), { width: 20000, height: 20000 }),
  };
  for (const [size, bytes] of Object.entries(bombs)) {
    const start = performance.now();
    assertEquals(
      await refusal(bytes),
      `cannot decode image a: expected at most 100000000 pixels but its header claims ${size} ` +
        "(--max_image_pixels allows more)",
    );
    assert(performance.now() - start < 1000);
  }
  assert((await refusal(sound, 899)).includes("at most 899 pixels"));
  assertEquals((await decodeImage(sound, { name: "a", maxPixels: 900 })).height, 100);
  assert((await refusal(await jpeg(), 32 * 32 - 1)).includes("at most 1023 pixels"));
});

const noise: Image = {
  width: 32,
  height: 32,
  data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => at * at % 251),
};
const jpeg = () => encodeJpeg(noise, { quality: 90 });

/** The same file whose frame header claims another size. */
function withJpegSize(bytes: Uint8Array, { width, height }: { width: number; height: number }): Uint8Array {
  const at = bytes.findIndex((byte, at) => byte === 0xff && bytes[at + 1] === 0xc0);
  const changed = bytes.slice();
  new DataView(changed.buffer).setUint16(at + 5, height);
  new DataView(changed.buffer).setUint16(at + 7, width);
  return changed;
}

Deno.test("a JPEG whose data ends early is refused, also where an end was put behind it", async () => {
  const END = Uint8Array.of(0xff, 0xd9);
  for (const name of ["chroma_420.jpg", "progressive.jpg", "restart_markers.jpg", "gray.jpg"]) {
    const whole = await Deno.readFile(FIXTURES + name);
    const half = whole.subarray(0, Math.floor(whole.length * 0.6));
    assert((await refusal(half)).includes("the file is truncated"), name);
    const message = await refusal(joinBytes(half, END));
    assert(/missing|truncated|damaged/.test(message), `${name}: ${message}`);
  }
});

Deno.test("stray bytes in a JPEG do not hide that its end or a part of its picture is missing", async () => {
  const whole = await jpeg();
  const segment = 4 + whole[4] * 256 + whole[5];
  const strayed = joinBytes(whole.subarray(0, segment), Uint8Array.of(1, 2, 3), whole.subarray(segment));
  assertEquals(await decodeImage(strayed, { name: "a" }), await decodeImage(whole, { name: "a" }));
  assert((await refusal(strayed.subarray(0, -2))).includes("the file is truncated"));
  assert((await refusal(joinBytes(strayed.subarray(0, -400), whole.subarray(-2)))).includes("a part of the picture"));
});

Deno.test("a JPEG of hundreds of scans is refused: each costs as much as a whole picture", async () => {
  const whole = await Deno.readFile(FIXTURES + "progressive.jpg");
  const at = whole.findLastIndex((byte, at) => byte === 0xff && whole[at + 1] === 0xda);
  const scan = whole.subarray(at, -2);
  const bytes = joinBytes(whole.subarray(0, at), ...Array.from({ length: 600 }, () => scan), whole.subarray(-2));
  assert((await refusal(bytes)).includes("at most 500 scans but found 6"));
});
