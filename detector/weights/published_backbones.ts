/** Backbones that were published alone, for classification: their names where a detector has its backbone. */
import { FAMILIES } from "../config/backbones.ts";
import { changed } from "./layouts/changed_values.ts";
import type { NamedWeight, Weights } from "./named_weight.ts";

/** Layers that classify whole images: a detector has none. */
const CLASSIFIER = /^(fc|head|norm|norm_pre|classifier)\./;

/** A name of timm and the official one. */
type Renaming = readonly [timm: RegExp, official: string];

/** timm's ConvNeXt; its heads are left out as those of others. */
const TIMM_CONVNEXT: readonly Renaming[] = [
  [/^stem\.([01])\./, "downsample_layers.0.$1."],
  [/^stages\.(\d+)\.downsample\.([01])\./, "downsample_layers.$1.$2."],
  [/^stages\.(\d+)\.blocks\.(\d+)\.conv_dw\./, "stages.$1.$2.dwconv."],
  [/^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc([12])\./, "stages.$1.$2.pwconv$3."],
  [/^stages\.(\d+)\.blocks\.(\d+)\.(norm\.|gamma$)/, "stages.$1.$2.$3"],
];

/** The weights, with names of a backbone alone as those of a detector's; all others as they are. */
export function namesOfBackbone(weights: Weights): Weights {
  const official = fromTimm(weights);
  const family = Object.values(FAMILIES).find(({ stem, block }) =>
    official.has(stem) && [...official.keys()].some((name) => block.test(name))
  );
  if (family === undefined) return weights;
  const kept = [...official].filter(([name]) => !CLASSIFIER.test(name) && !name.endsWith(".attn_mask"));
  return new Map(kept.map(([name, weight]) => [family.prefix + name, weight]));
}

/** timm's Swin transformers and ConvNeXts in the official names; its ResNets have them. */
function fromTimm(weights: Weights): Weights {
  if (weights.has("stem.0.weight") && weights.has("stages.0.blocks.0.conv_dw.weight")) {
    return new Map([...weights].map(([name, weight]) => [renamed(name, TIMM_CONVNEXT), matrixOf(name, weight)]));
  }
  // Patches are merged at the beginning of a stage in timm, and at the end of the one before in the official code.
  const names = [...weights.keys()].filter((name) => /^layers\.\d+\.downsample\./.test(name));
  const isShifted = weights.has("patch_embed.proj.weight") && names.length > 0 &&
    names.every((name) => !name.startsWith("layers.0."));
  if (!isShifted) return weights;
  return new Map([...weights].map(([name, weight]) => [
    name.replace(/^layers\.(\d+)\.downsample\./, (_, stage) => `layers.${Number(stage) - 1}.downsample.`),
    weight,
  ]));
}

function renamed(name: string, rules: readonly Renaming[]): string {
  const rule = rules.find(([form]) => form.test(name));
  return rule ? name.replace(rule[0], rule[1]) : name;
}

/** Some of timm's ConvNeXts have convolutions of 1 x 1 for matrices. */
function matrixOf(name: string, weight: NamedWeight): NamedWeight {
  return /\.mlp\.fc[12]\.weight$/.test(name) ? changed(weight, "matrix") ?? weight : weight;
}
