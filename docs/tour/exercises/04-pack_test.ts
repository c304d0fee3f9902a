import { assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { pack } = await exercise<typeof import("./04-pack.ts")>("04-pack");

Deno.test("panels stand one after the other, the last with zeros", () => {
  const b = Float32Array.from({ length: 15 }, (_, at) => at + 1); // 3 x 5
  assertEquals([...pack(b, 3, 5, 4)], [
    ...[1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14],
    ...[5, 0, 0, 0, 10, 0, 0, 0, 15, 0, 0, 0],
  ]);
});

Deno.test("a panel as wide as the matrix is the matrix", () => {
  const b = Float32Array.from({ length: 24 }, (_, at) => at);
  assertEquals(pack(b, 3, 8, 8), b);
});
