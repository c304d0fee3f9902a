import { assert } from "@std/assert";
import { runDataGoldens } from "../../helpers/data_goldens.ts";

const FOLDER = Deno.env.get("DINOGRAD_GOLDENS") ?? new URL("../../goldens", import.meta.url).pathname;

Deno.test("sizes, resized pixels and boxes equal the official code's and Pillow's", async () => {
  const results = await runDataGoldens(FOLDER);
  assert(results.length > 1);
  for (const { name, worst: { ratio, where } } of results) {
    assert(ratio <= 1, `${name}: ${where} is off by ${ratio} tolerances`);
  }
});
