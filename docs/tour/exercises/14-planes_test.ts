import { assert, assertEquals } from "@std/assert";
import { zlibSync } from "fflate";
import { exercise } from "./exercise.ts";

const { join, split } = await exercise<typeof import("./14-planes.ts")>("14-planes");
const weights = new Uint8Array(Float32Array.from({ length: 4000 }, (_, at) => 0.02 * Math.sin(at * at)).buffer);

Deno.test("planes are put together again", () => {
  assertEquals(split(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)), Uint8Array.of(1, 5, 2, 6, 3, 7, 4, 8));
  assertEquals(join(split(weights)), weights);
});

Deno.test("planes deflate better than floats", () => {
  assert(zlibSync(split(weights)).length < 0.95 * zlibSync(weights).length);
});
