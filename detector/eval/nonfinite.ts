/** Outputs that are no numbers, told with the weights that they came of. */

import { DinogradError } from "../../engine/errors.ts";
import type { Dino } from "../model/dino.ts";
import { describeWeights } from "../weights/mod.ts";

/** Runs. @throws what it throws; of kind "nonfinite" with a word on which weights are not finite */
export async function explainingNonfinite<T>(model: Dino, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof DinogradError) || error.kind !== "nonfinite") throw error;
    throw new DinogradError("nonfinite", `${error.message}; ${await describeWeights(model)}`, { cause: error });
  }
}
