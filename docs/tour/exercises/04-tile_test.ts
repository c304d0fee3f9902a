import { assert, assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { bestTile } = await exercise<typeof import("./04-tile.ts")>("04-tile");

Deno.test("with 16 registers it is the engine's own, 6 x 8", () => assertEquals(bestTile(16), { rows: 6, vectors: 2 }));

Deno.test("few registers make small tiles, and all of them fit", () => {
  assertEquals(bestTile(3), { rows: 1, vectors: 1 });
  for (const registers of [4, 8, 32]) {
    const { rows, vectors } = bestTile(registers);
    assert(rows * vectors + vectors + 1 <= registers);
  }
});
