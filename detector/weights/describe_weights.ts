/** Whether a model's weights are numbers: what to look at first where its outputs are not. */

import { describeNonfinite, findNonfinite, storeTensors } from "../../checkpoint/mod.ts";
import type { Module } from "../../engine/nn/module.ts";

/** Which weights are not finite, in words: the first such tensor with how many of its numbers, and how many tensors more. */
export async function describeWeights(model: Module): Promise<string> {
  const found = await nonfiniteWeights(model);
  return found.length === 0 ? "all weights are finite" : describeNonfinite(found);
}

/** The tensors of a model that are not finite throughout; one with several names under its first. */
export async function nonfiniteWeights(model: Module): ReturnType<typeof findNonfinite> {
  const state = model.stateDict();
  const first = new Map([...state].toReversed().map(([name, tensor]) => [tensor, name]));
  return await findNonfinite(
    await storeTensors(new Map([...state].filter(([name, tensor]) => first.get(tensor) === name))),
  );
}
