import { assert, assertEquals, assertThrows } from "@std/assert";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { tilesOf } from "../../../detector/inference/tiles.ts";

Deno.test("tiles cover every pixel, are of one size, overlap by at least the share asked for, and are as few as can be", () => {
  const random = RandomStream.named(1, "tiles");
  for (let round = 0; round < 150; round++) {
    const [width, height] = [1 + random.int(900), 1 + random.int(900)];
    const [size, overlap] = [32 + random.int(300), [0, 0.1, 0.2, 0.5, 0.9][random.int(5)]];
    const tiles = tilesOf({ width, height }, { size, overlap });
    const about = `${width} x ${height} in tiles of ${size}, overlap ${overlap}`;
    for (const { left, top, right, bottom } of tiles) {
      assertEquals([right - left, bottom - top], [Math.min(size, width), Math.min(size, height)], about);
      assert(left >= 0 && top >= 0 && right <= width && bottom <= height, about);
    }
    const shared = Math.round(size * overlap);
    for (const [length, from] of [[width, "left"], [height, "top"]] as const) {
      const starts = [...new Set(tiles.map((tile) => tile[from]))].sort((a, b) => a - b);
      assertEquals([starts[0], starts[starts.length - 1]], [0, Math.max(0, length - size)], about);
      for (let at = 1; at < starts.length; at++) assert(starts[at - 1] + size - starts[at] >= shared, about);
      // One tile fewer could not reach the end.
      if (starts.length > 1) assert((starts.length - 2) * (size - shared) + size < length, about);
    }
    assertEquals(new Set(tiles.map(({ left, top }) => `${left},${top}`)).size, tiles.length, about);
  }
});

Deno.test("an image that is no larger than a tile stays whole, and a strip is cut along its length alone", () => {
  assertEquals(tilesOf({ width: 300, height: 200 }, { size: 300 }), [{ left: 0, top: 0, right: 300, bottom: 200 }]);
  assertEquals(tilesOf({ width: 100, height: 20 }, { size: 64, overlap: 0 }), [
    { left: 0, top: 0, right: 64, bottom: 20 },
    { left: 36, top: 0, right: 100, bottom: 20 },
  ]);
  assertEquals(tilesOf({ width: 6000, height: 4000 }, { size: 800, overlap: 0.2 }).length, 10 * 6);
});

Deno.test("sizes and overlaps that make no sense are refused with what was expected", () => {
  const refused = (size: number, overlap: number, words: string) => {
    const error = assertThrows(() => tilesOf({ width: 100, height: 100 }, { size, overlap }), DinogradError, words);
    assertEquals(error.kind, "usage");
  };
  refused(31, 0.2, "an integer of at least 32 pixels but found 31");
  refused(64.5, 0.2, "found 64.5");
  refused(NaN, 0.2, "found NaN");
  refused(64, 1, "a number from 0 to 0.9 but found 1");
  refused(64, -0.1, "found -0.1");
  refused(64, NaN, "found NaN");
});
