/** Backbones by what they are. */

import type { ModuleContext } from "../../../engine/nn/module.ts";
import type { Backbone, BackboneOptions } from "./backbone.ts";
import { ConvNeXt } from "./convnext.ts";
import { ResNetBackbone } from "./resnet.ts";
import { SwinTransformer } from "./swin.ts";

/**
 * The backbone that the options describe, with fresh parameters; those whose names hold one of the freeze keywords are
 * not trained.
 * @throws DinogradError("config") where the options do not go together
 */
export function buildBackbone(context: ModuleContext, options: BackboneOptions): Backbone {
  const backbone = makeBackbone(context, options);
  for (const [name, parameter] of backbone.parameters()) {
    if (options.freezeKeywords.some((keyword) => name.includes(keyword))) parameter.requiresGrad = false;
  }
  return backbone;
}

function makeBackbone(context: ModuleContext, options: BackboneOptions): Backbone {
  const { architecture } = options;
  switch (architecture.kind) {
    case "resnet":
      return new ResNetBackbone(context, architecture, options);
    case "swin":
      return new SwinTransformer(context, architecture, options);
    case "convnext":
      return new ConvNeXt(context, architecture, options);
  }
}
