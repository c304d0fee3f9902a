import { assertAlmostEquals } from "@std/assert";
import { ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { boxEmbedding } from "../../../detector/model/position_embedding.ts";
import { exercise } from "./exercise.ts";

const { embed } = await exercise<typeof import("./08-embedding.ts")>("08-embedding");

Deno.test("the embedding is the decoder's: of y, then of x", async () => {
  const point = Float64Array.of(0.3, 0.8);
  const expected = await boxEmbedding(tensor(new ReferenceDevice(), point, [1, 1, 2]), 12).data();
  [...embed(point[1], 12), ...embed(point[0], 12)].forEach((value, at) =>
    assertAlmostEquals(value, expected[at], 1e-6)
  );
});
