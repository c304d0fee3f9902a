import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deflateSync } from "node:zlib";
import { decodeImage } from "../../../../detector/data/mod.ts";
import { lzwLength } from "../../../../detector/data/images/tiff_lzw.ts";
import { DinogradError } from "../../../../engine/errors.ts";

type Field = readonly [tag: number, type: 3 | 4, ...values: number[]];

/** A file of one strip, or of more if fields say so; later fields win. */
function tiff(content: Uint8Array, ...fields: Field[]): Uint8Array {
  const all = new Map<number, Field>([
    [256, 4, 4],
    [257, 4, 3],
    [258, 3, 8],
    [259, 3, 1],
    [262, 3, 1],
    [273, 4, 8],
    [277, 3, 1],
    [278, 4, 3],
    [279, 4, content.length],
    ...fields,
  ].map((field) => [field[0], field as Field]));
  const start = 8 + content.length + content.length % 2;
  const file = new Uint8Array(start + 2 + 12 * all.size + 4 + 4000);
  const view = new DataView(file.buffer);
  file.set([0x49, 0x49, 42, 0]);
  file.set(content, 8);
  view.setUint32(4, start, true);
  view.setUint16(start, all.size, true);
  let [at, free] = [start + 2, start + 2 + 12 * all.size + 4];
  for (const [tag, type, ...values] of all.values()) {
    const size = type === 3 ? 2 : 4;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, values.length, true);
    const isInline = size * values.length <= 4;
    if (!isInline) view.setUint32(at + 8, free, true);
    const place = isInline ? at + 8 : free;
    values.forEach((value, i) =>
      size === 2 ? view.setUint16(place + 2 * i, value, true) : view.setUint32(place + 4 * i, value, true)
    );
    if (!isInline) free += size * values.length;
    at += 12;
  }
  return file;
}

/** Codes of nine bits, the first of them in the highest. */
function codes(...list: number[]): Uint8Array {
  const bits = list.map((code) => code.toString(2).padStart(9, "0")).join("");
  return Uint8Array.from(bits.match(/.{1,8}/g) ?? [], (byte) => parseInt(byte.padEnd(8, "0"), 2));
}

const GRAY = Uint8Array.from({ length: 12 }, (_, at) => 20 * at);
const read = (bytes: Uint8Array, maxPixels?: number) => decodeImage(bytes, { name: "a", maxPixels });

Deno.test("a TIFF that promises what is not there, too much, or another kind is refused with the reason", async () => {
  assertEquals([...(await read(tiff(GRAY))).data.subarray(0, 6)], [0, 0, 0, 20, 20, 20]);
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [tiff(GRAY.subarray(1)), "a strip of it has 11 bytes instead of 12"],
    [tiff(GRAY, [279, 4, 4_000_000]), "the file is truncated"],
    [tiff(GRAY, [273, 4, 0xffffffff]), "the file is truncated"],
    [tiff(GRAY, [257, 4, 100]), "1 strips of 3 rows do not make 100"],
    [tiff(GRAY, [278, 4, 0]), "strips of 0 rows"],
    [tiff(GRAY, [256, 4, 0]), "its size is 0 x 3"],
    [tiff(GRAY, [256, 4, 20_000], [257, 4, 20_000], [278, 4, 20_000]), "at most 100000000 pixels"],
    [tiff(GRAY, [259, 3, 7]), "compression 7"],
    [tiff(GRAY, [322, 4, 16]), "tiles"],
    [tiff(GRAY, [258, 3, 1]), "of 1 x 1 bits"],
    [tiff(GRAY, [277, 3, 4], [262, 3, 5], [258, 3, 8, 8, 8, 8]), "colour 5 of 4 x 8 bits"],
    [tiff(GRAY, [262, 3, 3], [320, 3, 1, 2, 3]), "its palette has 3 numbers"],
    [tiff(GRAY, [259, 3, 8]), "a strip of it"],
    [tiff(deflateSync(new Uint8Array(50_000_000)), [259, 3, 8]), "expected 12 bytes but found more"],
    [tiff(codes(256, 1, 2, 3), [259, 3, 5]), "a strip of it has 3 bytes instead of 12"],
    [tiff(codes(256, 1, 300), [259, 3, 5]), "a wrong code"],
    [tiff(codes(1, 2), [259, 3, 5]), "a wrong code"],
    [
      tiff(codes(256, ...Array.from({ length: 13 }, () => 7)), [259, 3, 5]),
      "expected 12 bytes in a strip but found more",
    ],
    [Uint8Array.of(0x49, 0x49, 42, 0, 200, 0, 0, 0), "truncated before its header"],
    [Uint8Array.of(0x49, 0x49, 43, 0, 8, 0, 0, 0), "found a BigTIFF; convert it to PNG"],
  ];
  for (const [bytes, words] of cases) {
    const error = await assertRejects(() => read(bytes), DinogradError, words);
    assertEquals(error.kind, "data");
  }
});

Deno.test("the length of LZW codes is that of what they stand for, repetitions of themselves among it", () => {
  assertEquals(lzwLength(codes(256, 7, 258, 259, 257), 100), 1 + 2 + 3);
  assertEquals(lzwLength(codes(256, 7, 8, 258, 256, 9, 257), 100), 1 + 1 + 2 + 1);
  assertThrows(() => lzwLength(codes(256, 7, 259), 100), Error, "a wrong code");
  assertThrows(() => lzwLength(codes(256, 258), 100), Error, "a wrong code");
});
