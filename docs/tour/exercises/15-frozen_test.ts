import { assertEquals } from "@std/assert";
import { TrainingSession } from "../../../detector/train/session.ts";
import { COLOURS, squaresConfig } from "../../../commands/tour/squares.ts";
import { DryDevice } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { trained } = await exercise<typeof import("./15-frozen.ts")>("15-frozen");

Deno.test("the trained parameters are the session's", () => {
  const freeze = ["backbone", "norm1"];
  const config = squaresConfig();
  const session = new TrainingSession({
    device: new DryDevice(),
    config,
    seed: 1,
    stepsPerEpoch: 1,
    classes: COLOURS,
    freeze,
  });
  const names = [...session.model.parameters()].map(([name]) => name);
  const expected = session.groups.flatMap(({ parameters }) => parameters.map(([name]) => name));
  assertEquals(trained(names, freeze).sort(), expected.sort());
});
