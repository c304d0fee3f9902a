/**
 * Which backbone a set of weights is of, told by its names and shapes: two ResNets share many names, and some shapes, so
 * that a part of the wrong file would load without a word.
 */

import type { Module } from "../../engine/nn/module.ts";
import { backboneOutline, FAMILIES, publishedBackbones } from "../config/backbones.ts";
import type { LoadPlan } from "./load_plan.ts";
import type { Weights } from "./named_weight.ts";

/** Tensors by name; all that is asked of them is their shape. */
type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** The backbone among the tensors of a detector: "ResNet-50", or its measures; undefined where it is none we know. */
export function describeBackbone(tensors: Shapes): string | undefined {
  const found = measuresOf(tensors);
  if (found === undefined) return undefined;
  const { title, outline } = found;
  return publishedBackbones().get(backboneOutline(outline)) ??
    `${title} of ${outline.depths.join(", ")} blocks (${outline.channels} channels at its stem)`;
}

/** The measures of the backbone among the tensors of a detector, in the words of `backboneOutline`. */
export function outlineOfBackbone(tensors: Shapes): string | undefined {
  const found = measuresOf(tensors);
  return found && backboneOutline(found.outline);
}

function measuresOf(tensors: Shapes) {
  const family = Object.values(FAMILIES).find(({ prefix, stem }) => tensors.has(prefix + stem));
  if (family === undefined) return undefined;
  const { title, prefix, stem } = family;
  const depths = new Map<string, number>();
  for (const name of tensors.keys()) {
    const [, stage, index] = name.startsWith(prefix) ? family.block.exec(name.slice(prefix.length)) ?? [] : [];
    if (stage !== undefined) depths.set(stage, Math.max(depths.get(stage) ?? 0, Number(index) + 1));
  }
  const outline = {
    block: family !== FAMILIES.resnet ? title : tensors.has(`${prefix}layer1.0.conv3.weight`) ? "bottleneck" : "basic",
    channels: tensors.get(prefix + stem)?.shape[0],
    depths: [...depths].toSorted(([a], [b]) => Number(a) - Number(b)).map(([, depth]) => depth),
  };
  return { title, outline };
}

/** Half a sentence where the backbone of the weights is another one than the model's, else undefined. */
export function otherBackbone(model: Module, weights: Weights): string | undefined {
  const [here, there] = [describeBackbone(model.stateDict()), describeBackbone(weights)];
  if (here === undefined || there === undefined || here === there) return undefined;
  return `its backbone looks like ${there}, the model's is ${here}`;
}

/** How many of the model's tensors in the backbone are loaded, of how many that are not ignored. */
export function backboneFit(plan: LoadPlan): { readonly loaded: number; readonly total: number } {
  const own = plan.keys.filter(({ name, outcome }) =>
    name.startsWith("backbone.") && outcome !== "ignored" && outcome !== "unexpected"
  );
  return { loaded: own.filter(({ outcome }) => outcome === "loaded").length, total: own.length };
}
