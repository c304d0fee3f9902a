import { assertEquals } from "@std/assert";
import { ReferenceDevice, tensor, topK } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { select } = await exercise<typeof import("./11-select.ts")>("11-select");

Deno.test("one good class is enough", () => {
  assertEquals(select([[0, 0], [-5, 3], [2, 2], [1, 1]], 3), [1, 2, 3]);
});

Deno.test("the selection is the engine's", async () => {
  const scores = Array.from({ length: 40 }, (_, at) => [Math.sin(at), Math.cos(3 * at), Math.sin(7 * at)]);
  const tokens = tensor(new ReferenceDevice(), Float64Array.from(scores.flat()), [1, 40, 3]).max(2);
  assertEquals(select(scores, 9), [...await topK(tokens, 9).indices.data()]);
});
