import { assertAlmostEquals } from "@std/assert";
import { describeLevels } from "../../../detector/model/levels.ts";
import { encoderProposals } from "../../../detector/model/proposals.ts";
import { ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { proposal } = await exercise<typeof import("./11-proposal.ts")>("11-proposal");

Deno.test("proposals are the encoder's", async () => {
  const mask = { data: new Uint8Array(32 * 48), batch: 1, height: 32, width: 48 };
  const levels = describeLevels(mask, [[4, 6], [2, 3]]);
  const boxes = await encoderProposals(levels, tensor(new ReferenceDevice(), [0])).boxes.sigmoid().data();
  let token = 0;
  levels.shapes.forEach(([rows, columns], level) => {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        proposal({ row, column, rows, columns, level }).forEach((value, k) =>
          assertAlmostEquals(value, boxes[4 * token + k], 1e-9)
        );
        token++;
      }
    }
  });
});
