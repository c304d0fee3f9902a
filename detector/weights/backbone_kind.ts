/**
 * Which backbone a set of weights is of, told by its names and shapes: two ResNets share many names, and some shapes, so
 * that a part of the wrong file would load without a word.
 */

import type { Module } from "../../engine/nn/module.ts";
import type { LoadPlan } from "./load_plan.ts";
import type { Weights } from "./weights_file.ts";

/** Tensors by name; all that is asked of them is their shape. */
type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

const PREFIX = "backbone.0.";

/** What the names of a network's tensors are like: the first one, and those of the blocks with stage and index. */
const FAMILIES = [
  { name: "ResNet", stem: "body.conv1.weight", block: /^body\.layer(\d)\.(\d+)\./ },
  { name: "Swin", stem: "patch_embed.proj.weight", block: /^layers\.(\d)\.blocks\.(\d+)\./ },
  { name: "ConvNeXt", stem: "downsample_layers.0.0.weight", block: /^stages\.(\d)\.(\d+)\./ },
] as const;

/** Published networks by their stages' blocks, after the channels of the stem where these tell sizes apart. */
const NAMES: Readonly<Record<string, string>> = {
  "basic 64: 2, 2, 2, 2": "ResNet-18",
  "basic 64: 3, 4, 6, 3": "ResNet-34",
  "bottleneck 64: 3, 4, 6, 3": "ResNet-50",
  "bottleneck 64: 3, 4, 23, 3": "ResNet-101",
  "bottleneck 64: 3, 8, 36, 3": "ResNet-152",
  "Swin 96: 2, 2, 6, 2": "Swin-T",
  "Swin 96: 2, 2, 18, 2": "Swin-S",
  "Swin 128: 2, 2, 18, 2": "Swin-B",
  "Swin 192: 2, 2, 18, 2": "Swin-L",
  "ConvNeXt 96: 3, 3, 9, 3": "ConvNeXt-T",
  "ConvNeXt 96: 3, 3, 27, 3": "ConvNeXt-S",
  "ConvNeXt 128: 3, 3, 27, 3": "ConvNeXt-B",
  "ConvNeXt 192: 3, 3, 27, 3": "ConvNeXt-L",
  "ConvNeXt 256: 3, 3, 27, 3": "ConvNeXt-XL",
};

/** The backbone among the tensors of a detector: "ResNet-50", or its measures; undefined where it is none we know. */
export function describeBackbone(tensors: Shapes): string | undefined {
  const has = (name: string) => tensors.has(PREFIX + name);
  const family = FAMILIES.find(({ stem }) => has(stem));
  if (family === undefined) return undefined;
  const { name: familyName, stem, block } = family;
  const kind = familyName !== "ResNet" ? familyName : has("body.layer1.0.conv3.weight") ? "bottleneck" : "basic";
  const depths = new Map<string, number>();
  for (const name of tensors.keys()) {
    const [, stage, index] = name.startsWith(PREFIX) ? block.exec(name.slice(PREFIX.length)) ?? [] : [];
    if (stage !== undefined) depths.set(stage, Math.max(depths.get(stage) ?? 0, Number(index) + 1));
  }
  const channels = tensors.get(PREFIX + stem)?.shape[0];
  const blocks = [...depths].toSorted(([a], [b]) => Number(a) - Number(b)).map(([, depth]) => depth).join(", ");
  const known = `${kind} ${channels}: ${blocks}`;
  return NAMES[known] ?? `${familyName} of ${blocks} blocks (${channels} channels at its stem)`;
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
