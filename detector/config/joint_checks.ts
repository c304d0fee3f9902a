/**
 * Settings that are each possible but not together. The one place for such checks: files, command lines and programs come
 * by here, and `dinoModelOptions` does before a model is built.
 */
import { DinogradError } from "../../engine/errors.ts";
import { backboneArchitecture, backboneFamily, resNetChannels } from "./backbones.ts";
import type { ConfigKey, DinoConfig } from "./dino_config.ts";
import { shownPython } from "./values.ts";

/** Refuses what does not hold, by the words for what was expected and the key that has another value. */
type Demand = (holds: boolean, expected: string, key: ConfigKey) => void;

/** @throws DinogradError("usage"), in which `source` names the file or flag. */
export function checkTogether(config: DinoConfig, source: string): void {
  const demand: Demand = (holds, expected, key) => {
    if (holds) return;
    throw new DinogradError("usage", `${source}: expected ${expected} but found ${key}=${shownPython(config[key])}`);
  };
  checkTransformer(config, demand);
  checkHeads(config, demand);
  checkBackbone(config, demand);
  demand(!(config.onecyclelr && config.multi_step_lr), "one of onecyclelr and multi_step_lr", "multi_step_lr");
}

function checkTransformer(config: DinoConfig, demand: Demand): void {
  const heads = config.nheads;
  demand(config.hidden_dim % heads === 0, `hidden_dim to be a multiple of nheads=${heads}`, "hidden_dim");
  // 32 groups normalise the projected features; the sine embedding needs hidden_dim / 2 even.
  demand(config.hidden_dim % 32 === 0, "hidden_dim to be a multiple of 32", "hidden_dim");
  const stages = config.return_interm_indices.length;
  demand(
    config.num_feature_levels >= stages,
    `num_feature_levels to be at least the ${stages} levels of return_interm_indices`,
    "num_feature_levels",
  );
  demand(config.num_feature_levels > 1, "num_feature_levels to be at least 2", "num_feature_levels");
}

function checkHeads(config: DinoConfig, demand: Demand): void {
  const { num_queries: queries, num_classes: classes } = config;
  demand(
    !config.use_dn || config.dn_labelbook_size + 1 >= classes,
    `dn_labelbook_size to be at least num_classes - 1 = ${classes - 1}, or to be left out,`,
    "dn_labelbook_size",
  );
  demand(
    config.num_select <= queries * classes,
    `num_select to be at most num_queries x num_classes = ${queries * classes}`,
    "num_select",
  );
  const areShared = config.dec_pred_bbox_embed_share && config.dec_pred_class_embed_share;
  for (const key of ["two_stage_bbox_embed_share", "two_stage_class_embed_share"] as const) {
    demand(areShared || !config[key], `${key} to be False where decoder layers have heads of their own`, key);
  }
}

function checkBackbone(config: DinoConfig, demand: Demand): void {
  demand(config.backbone_widths.length === 4, "backbone_widths to have 4 items", "backbone_widths");
  demand(config.backbone_depths.length === 4, "backbone_depths to have 4 items", "backbone_depths");
  const family = backboneFamily(config.backbone);
  const architecture = backboneArchitecture(config);
  const isResNet = architecture.kind === "resnet";
  const groups = config.norm_group_channels;
  const widths = isResNet ? resNetChannels(architecture) : [];
  demand(
    config.norm !== "group_norm" || widths.every((width) => width <= groups || width % groups === 0),
    `norm_group_channels to divide the channels of the backbone (${widths.join(", ")})`,
    "norm_group_channels",
  );
  demand(
    !config.dilation || architecture.kind === "swin" || isResNet && architecture.block === "bottleneck",
    "a Swin transformer, resnet50 or resnet101 for dilation=True",
    "backbone",
  );
  demand(
    config.backbone_drop_path_rate === null || family.dropPathRate !== null,
    "a Swin transformer or a ConvNeXt for backbone_drop_path_rate",
    "backbone",
  );
  demand(
    config.backbone_frozen_stages < 0 || family.freezesStages,
    "a Swin transformer for backbone_frozen_stages",
    "backbone",
  );
}
