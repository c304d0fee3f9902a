import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { defaultConfig } from "../../../detector/config/mod.ts";
import { dinoModelOptions } from "../../../detector/model/mod.ts";
import { pixelEmbedding } from "../../../detector/model/position_embedding.ts";

const SIZE = { batch: 1, height: 3, width: 5 };
const WHOLE = { ...SIZE, data: new Uint8Array(15) };

Deno.test("an offset of -1/2 embeds the centres of pixels instead of their far edges, padding left out", () => {
  const data = new Uint8Array(15);
  for (let at = 0; at < 15; at++) if (at % 5 === 4 || at >= 10) data[at] = 1; // 4 columns and 2 rows are filled
  const features = 4;
  const options = { features, temperatureHeight: 10000, temperatureWidth: 100, offset: -0.5 };
  const got = pixelEmbedding({ ...SIZE, data }, options);
  for (let y = 0; y < 2; y++) {
    for (let x = 0; x < 4; x++) {
      const angles = [[(y + 0.5) / 2, 10000], [(x + 0.5) / 4, 100]] as const;
      angles.forEach(([share, temperature], axis) => {
        for (let i = 0; i < features; i++) {
          const angle = share * 2 * Math.PI / temperature ** (2 * Math.floor(i / 2) / features);
          const expected = i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
          // The lengths of axes have 1e-6 added, which moves an angle by less than 7e-6.
          assertAlmostEquals(got[(y * 5 + x) * 2 * features + axis * features + i], expected, 7e-6);
        }
      });
    }
  }
});

Deno.test("without an offset embeddings are what they were, bit for bit, and a configuration names it", () => {
  const options = { features: 4, temperatureHeight: 20, temperatureWidth: 20 };
  const plain = pixelEmbedding(WHOLE, { ...options, offset: 0 });
  const [first] = plain; // of row 1 of 3
  assertEquals(first, Math.sin(1 / (3 + 1e-6) * 2 * Math.PI));
  assertNotEquals(pixelEmbedding(WHOLE, { ...options, offset: -0.5 })[0], first);
  assertEquals(dinoModelOptions(defaultConfig()).positionOffset, 0);
  assertEquals(dinoModelOptions({ ...defaultConfig(), pe_offset: -0.5 }).positionOffset, -0.5);
});
