/** Random streams: known answers, and drawing many numbers at once is drawing them one by one. */

import { assertEquals } from "@std/assert";
import { RandomStream, ZeroStream } from "../../engine/random.ts";
import { THREEFRY_PARITY, THREEFRY_ROTATIONS, threefryWords } from "../../engine/threefry.ts";

/** The definition: encrypts a 64-bit counter with a 64-bit key: two independent uniform 32-bit words (unsigned). */
function threefry2x32(key: readonly [number, number], counter: readonly [number, number]): [number, number] {
  const schedule = [key[0], key[1], THREEFRY_PARITY ^ key[0] ^ key[1]];
  let x = (counter[0] + schedule[0]) | 0;
  let y = (counter[1] + schedule[1]) | 0;
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const rotation = THREEFRY_ROTATIONS[(group % 2) * 4 + round];
      x = (x + y) | 0;
      y = ((y << rotation) | (y >>> (32 - rotation))) ^ x;
    }
    x = (x + schedule[(group + 1) % 3]) | 0;
    y = (y + schedule[(group + 2) % 3] + group + 1) | 0;
  }
  return [x >>> 0, y >>> 0];
}

const KEY = [0x13198a2e, 0x03707344] as const;

Deno.test("threefry gives the known answers of its authors' test vectors", () => {
  const ones = [0xffffffff, 0xffffffff] as const;
  assertEquals(threefry2x32([0, 0], [0, 0]), [0x6b200159, 0x99ba4efe]);
  assertEquals(threefry2x32(ones, ones), [0x1cb996fc, 0xbb002be7]);
  assertEquals(threefry2x32(KEY, [0x243f6a88, 0x85a308d3]), [0xc4923a9c, 0x483df7a0]);
});

Deno.test("words in a row are the definition's, also where the counter's upper half begins", () => {
  for (const first of [0, 1, 2 ** 31 - 3, 2 ** 32 - 3, 5 * 2 ** 32 - 2, 2 ** 52]) {
    const words = new Uint32Array(7);
    threefryWords(words, KEY, first);
    const expected = Array.from(words, (_, i) => {
      const counter = first + i;
      return threefry2x32(KEY, [counter >>> 0, Math.floor(counter / 2 ** 32)])[0];
    });
    assertEquals([...words], expected);
  }
});

Deno.test("arrays are filled with what single draws give, and the stream stands behind them", () => {
  for (const length of [0, 1, 3, 512, 513, 1024, 2500]) {
    const [single, bulk] = [new RandomStream(KEY, 7), new RandomStream(KEY, 7)];
    assertEquals([...bulk.words(new Uint32Array(length))], Array.from({ length }, () => single.word()));
    assertEquals(
      bulk.uniforms(new Float32Array(length)),
      Float32Array.from({ length }, () => single.uniform()),
    );
    assertEquals(
      bulk.normals(new Float32Array(length), 0.3),
      Float32Array.from({ length }, () => single.normal() * 0.3),
    );
    assertEquals(bulk.state(), single.state());
  }
});

Deno.test("integers are Lemire's, computed in 64 bits", () => {
  const [stream, words] = [new RandomStream(KEY), new RandomStream(KEY)];
  const lemire = (n: number) => {
    const threshold = (2 ** 32 - n) % n;
    for (;;) {
      const product = BigInt(words.word()) * BigInt(n);
      if (Number(product & 0xffffffffn) >= threshold) return Number(product >> 32n);
    }
  };
  for (const n of [1, 2, 3, 7, 91, 65535, 65536, 65537, 1e6, 2 ** 31, 3e9, 2 ** 32 - 1, 2 ** 32]) {
    for (let i = 0; i < 50; i++) assertEquals(stream.int(n), lemire(n));
  }
  assertEquals(stream.counter, words.counter);
});

Deno.test("the stream of zeros draws nothing", () => {
  const zeros = new ZeroStream();
  assertEquals([zeros.word(), zeros.uniform(), zeros.normal(), zeros.int(5)], [0, 0, 0, 0]);
  assertEquals([...zeros.normals(new Float32Array(2).fill(1)), ...zeros.uniforms(new Float32Array(1).fill(1))], [
    0,
    0,
    0,
  ]);
  assertEquals(zeros.counter, 0);
});
