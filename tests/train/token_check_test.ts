import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDataset } from "../../detector/data/mod.ts";
import { requireTokens, tokensOf } from "../../detector/train/start/token_check.ts";
import { scope } from "../../engine/scope.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import { ZeroStream } from "../../engine/random.ts";
import { tensor } from "../../engine/tensor.ts";
import { buildDino } from "../../detector/model/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { DinoConfig } from "../../detector/config/mod.ts";
import { withTinyCliRun } from "../helpers/cli_training.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { tinyConfig } from "../helpers/tiny_model.ts";

Deno.test("an image has as many tokens as its model counts, at odd sizes and for every kind of levels", async () => {
  const configs: Partial<DinoConfig>[] = [
    {},
    { num_feature_levels: 5 },
    { return_interm_indices: [0, 1, 2, 3], num_feature_levels: 4 },
    { return_interm_indices: [3], num_feature_levels: 2 },
  ];
  for (const changes of configs) {
    const config = tinyConfig({ ...changes, num_queries: 10_000, num_select: 1 });
    for (const [width, height] of [[64, 64], [65, 97], [33, 130]]) {
      const device = new DryDevice();
      using _ = scope();
      const model = buildDino({ device, random: new ZeroStream() }, config).evaluate();
      const images = tensor(device, new Float32Array(3 * width * height), [1, 3, height, width]);
      const forward = () => Promise.resolve(model.forward({ images, mask: new Uint8Array(width * height) }));
      const { message } = await assertRejects(async () => await forward(), DinogradError, "num_queries");
      assert(message.includes(`(${tokensOf({ width, height }, config)})`), message);
      model.dispose();
      await device.destroy();
    }
  }
});

Deno.test("more queries than the smallest validation image has tokens are refused at the start, by its name", () =>
  withTinyCliRun(async ({ cocoPath, train }) => {
    const line = errorLine(await runCli(train("a", "--options", "num_queries=10000")));
    assert(
      /^dinograd: num_queries: expected at most 98, as many tokens as .*val2017\/11\.png of 64 x 72 pixels has, but found 10000/
        .test(line),
      line,
    );
    const val = await openDataset(cocoPath, "val", {});
    const tokens = tokensOf({ width: 64, height: 72 }, tinyConfig());
    await requireTokens(val, tinyConfig({ num_queries: tokens }));
    assertEquals(tokens, 98);
  }));
