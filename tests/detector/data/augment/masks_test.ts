/** Masks of polygons and of run lengths, also of COCO's text, against an encoder that is written apart from the decoder. */
import { assert, assertEquals } from "@std/assert";
import { decodeCounts, maskIn } from "../../../../detector/data/augment/masks.ts";
import { RandomStream } from "../../../../engine/random.ts";

/** As COCO's own code writes run lengths: groups of five bits, the sixth says that more follow, 48 is added. */
function encodeCounts(counts: readonly number[]): string {
  let text = "";
  counts.forEach((count, i) => {
    let rest = i > 2 ? count - counts[i - 2] : count;
    for (let more = true; more;) {
      const bits = rest & 31;
      rest >>= 5;
      more = (bits & 16) !== 0 ? rest !== -1 : rest !== 0;
      text += String.fromCharCode((more ? bits | 32 : bits) + 48);
    }
  });
  return text;
}

Deno.test("COCO's text of run lengths is read as its own code writes it", () => {
  const random = RandomStream.named(1, "runs");
  for (let round = 0; round < 50; round++) {
    const counts = Array.from({ length: 1 + random.int(20) }, () => random.int(2 ** (1 + random.int(24))));
    assertEquals(decodeCounts(encodeCounts(counts)), counts);
  }
  assertEquals(decodeCounts(""), []);
  assert(decodeCounts("\u0000\uffffoooooooooooooo").every((count) => count >= 0)); // nonsense ends
});

const rows = (mask: Uint8Array, width: number) =>
  Array.from({ length: mask.length / width }, (_, y) => mask.subarray(y * width, (y + 1) * width).join(""));

Deno.test("a polygon has the pixels whose centres are in it, at any scale, with holes where it crosses itself", () => {
  const triangle = { polygons: [Float32Array.of(0, 0, 4, 0, 0, 4)] };
  assertEquals(rows(maskIn(triangle, { box: [0, 0, 4, 4], width: 4, height: 4 }), 4), ["1110", "1100", "1000", "0000"]);
  assertEquals(rows(maskIn(triangle, { box: [0, 0, 4, 4], width: 2, height: 2 }), 2), ["10", "00"]);
  assertEquals(rows(maskIn(triangle, { box: [2, 0, 2, 2], width: 2, height: 2 }), 2), ["10", "00"]);
  const two = { polygons: [Float32Array.of(0, 0, 1, 0, 1, 4, 0, 4), Float32Array.of(3, 0, 4, 0, 4, 4, 3, 4)] };
  assertEquals(rows(maskIn(two, { box: [0, 0, 4, 2], width: 4, height: 2 }), 4), ["1001", "1001"]);
  const beyond = { polygons: [Float32Array.of(-50, -50, 50, -50, 50, 50, -50, 50)] };
  assertEquals(maskIn(beyond, { box: [0, 0, 3, 3], width: 3, height: 3 }).every((one) => one === 1), true);
});

Deno.test("run lengths go down the columns, and end where the image ends", () => {
  const frame = { box: [0, 0, 4, 3] as const, width: 4, height: 3 };
  const size = [3, 4] as const;
  assertEquals(rows(maskIn({ size, counts: [1, 2, 4, 1, 100] }, frame), 4), ["0000", "1010", "1000"]);
  assertEquals(rows(maskIn({ size, counts: encodeCounts([1, 2, 4, 1, 4]) }, frame), 4), ["0000", "1010", "1000"]);
  assertEquals(rows(maskIn({ size, counts: [0, 999] }, { ...frame, box: [2, 1, 4, 3] }), 4), ["1100", "1100", "0000"]);
});
