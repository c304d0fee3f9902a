import { assertEquals, assertNotEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { imagesOf } = await exercise<typeof import("./14-order.ts")>("14-order");
const data = { seed: 3, images: 10, batchSize: 4 };
const epoch = (number: number) => [0, 1, 2].map((step) => imagesOf(3 * number + step, data));

Deno.test("every image comes once an epoch", () => {
  for (const number of [0, 1, 5]) {
    assertEquals(epoch(number).flat().sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  assertEquals(epoch(0).map((batch) => batch.length), [4, 4, 2]);
});

Deno.test("epochs and seeds differ, and a step asked for alone is the same", () => {
  assertNotEquals(epoch(0), epoch(1));
  assertNotEquals(imagesOf(0, data), imagesOf(0, { ...data, seed: 4 }));
  assertEquals(imagesOf(7, data), epoch(2)[1]);
});
