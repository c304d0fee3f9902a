import { assertEquals } from "@std/assert";
import { denoisingMask } from "../../../detector/model/denoising.ts";
import { exercise } from "./exercise.ts";

const { maySee } = await exercise<typeof import("./10-mask.ts")>("10-mask");

Deno.test("the mask is the decoder's", () => {
  const mask = denoisingMask({ padSize: 12, groups: 3 }, 5);
  for (let row = 0; row < 17; row++) {
    for (let column = 0; column < 17; column++) {
      assertEquals(maySee(row, column, 3, 4), mask[17 * row + column] === 0, `${row}, ${column}`);
    }
  }
});
