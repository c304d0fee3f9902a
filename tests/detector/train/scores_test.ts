import { assert, assertEquals, assertMatch } from "@std/assert";
import { scoreText } from "../../../detector/eval/mod.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../helpers/tiny_training.ts";

Deno.test("a score is its four decimals, and none where there was nothing to find", () => {
  assertEquals([0, 0.12344, 1, -1].map(scoreText), ["0.0000", "0.1234", "1.0000", "none"]);
});

Deno.test("the moving average's AP is said after every epoch, and only where there is an average", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    for (const use_ema of [true, false]) {
      const config = tinyTrainingConfig({ use_ema });
      const { ui } = await runTraining(tinyTrainOptions({ outputDir: `${folder}/${use_ema}`, cocoPath, config }));
      const epochs = ui.lines.filter((line) => /^epoch \d+: step/.test(line));
      assertEquals(epochs.length, 2);
      const scores = String.raw`AP (\d\.\d{4}|none), AP50 (\d\.\d{4}|none)`;
      for (const line of epochs) {
        assertMatch(line, new RegExp(`step \\d+, ${scores}${use_ema ? `; moving average: ${scores}` : ""}$`));
      }
      assert(use_ema || !ui.lines.some((line) => line.includes("moving average")));
    }
  }));
