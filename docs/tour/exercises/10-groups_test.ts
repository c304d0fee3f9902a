import { assertEquals } from "@std/assert";
import { planDenoising, randomDraws } from "../../../detector/model/denoising.ts";
import { RandomStream } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { groups } = await exercise<typeof import("./10-groups.ts")>("10-groups");

Deno.test("as many groups as the model makes of dn_number 100", () => {
  for (const largest of [0, 1, 3, 7, 60, 150]) {
    const target = {
      boxes: Array.from({ length: 4 * largest }, () => 0.5),
      labels: Array.from({ length: largest }, () => 0),
    };
    const options = { number: 100, labelNoiseRatio: 0, boxNoiseScale: 0, classes: 1 };
    const plan = planDenoising([target], options, randomDraws(RandomStream.named(1, "exercise")));
    assertEquals(groups(200, largest), plan.groups);
  }
});
