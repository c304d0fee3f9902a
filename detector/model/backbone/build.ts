/** Backbones by name. */

import type { ModuleContext } from "../../../engine/nn/module.ts";
import type { Backbone, BackboneOptions, ConvNeXtArchitecture, SwinArchitecture } from "./backbone.ts";
import { ConvNeXt, CONVNEXT_ARCHITECTURES } from "./convnext.ts";
import { ResNetBackbone } from "./resnet.ts";
import { SWIN_ARCHITECTURES, SwinTransformer } from "./swin.ts";

/** What a named network that is not a ResNet looks like. */
export function architectureOf(name: string): SwinArchitecture | ConvNeXtArchitecture | undefined {
  const all: Readonly<Record<string, SwinArchitecture | ConvNeXtArchitecture>> = {
    ...SWIN_ARCHITECTURES,
    ...CONVNEXT_ARCHITECTURES,
  };
  return Object.hasOwn(all, name) ? all[name] : undefined;
}

/**
 * The backbone that the options name, with fresh parameters; those whose names hold one of the freeze keywords are not
 * trained.
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
  const architecture = options.architecture ?? architectureOf(options.name);
  switch (architecture?.kind) {
    case "swin":
      return new SwinTransformer(context, architecture, options);
    case "convnext":
      return new ConvNeXt(context, architecture, options);
    case undefined:
      return new ResNetBackbone(context, options);
  }
}
