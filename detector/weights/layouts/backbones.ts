/** Names of backbones in other programs, as rules. */
import type { BackboneRules, Rule } from "./layout.ts";

const BATCH_NORM = "{weight,bias,running_mean,running_var}";

/** As torchvision, after `backbone.`: MMDetection. */
export const PLAIN_RESNET: BackboneRules = {
  stem: "backbone.layer1.0.conv1.weight",
  rules: [
    { from: "backbone.conv1.weight", to: "backbone.0.body.conv1.weight" },
    { from: `backbone.bn1.${BATCH_NORM}`, to: `backbone.0.body.bn1.${BATCH_NORM}` },
    {
      from: "backbone.layer{1,2,3,4}.{b}.conv{1,2}.weight",
      to: "backbone.0.body.layer{1,2,3,4}.{b}.conv{1,2}.weight",
    },
    {
      from: `backbone.layer{1,2,3,4}.{b}.bn{1,2}.${BATCH_NORM}`,
      to: `backbone.0.body.layer{1,2,3,4}.{b}.bn{1,2}.${BATCH_NORM}`,
    },
    // Of bottlenecks alone, and of the first block of a stage.
    {
      from: "backbone.layer{1,2,3,4}.{b}.{conv3,downsample.0}.weight",
      to: "backbone.0.body.layer{1,2,3,4}.{b}.{conv3,downsample.0}.weight",
      optional: true,
    },
    {
      from: `backbone.layer{1,2,3,4}.{b}.{bn3,downsample.1}.${BATCH_NORM}`,
      to: `backbone.0.body.layer{1,2,3,4}.{b}.{bn3,downsample.1}.${BATCH_NORM}`,
      optional: true,
    },
  ],
};

/** As detectron2: stages are counted with the stem, and norms belong to their convolutions. */
export const DETECTRON_RESNET: BackboneRules = {
  stem: "backbone.stem.conv1.weight",
  rules: [
    { from: "backbone.stem.conv1.weight", to: "backbone.0.body.conv1.weight" },
    { from: `backbone.stem.conv1.norm.${BATCH_NORM}`, to: `backbone.0.body.bn1.${BATCH_NORM}` },
    {
      from: "backbone.res{2,3,4,5}.{b}.conv{1,2}.weight",
      to: "backbone.0.body.layer{1,2,3,4}.{b}.conv{1,2}.weight",
    },
    {
      from: `backbone.res{2,3,4,5}.{b}.conv{1,2}.norm.${BATCH_NORM}`,
      to: `backbone.0.body.layer{1,2,3,4}.{b}.bn{1,2}.${BATCH_NORM}`,
    },
    {
      from: "backbone.res{2,3,4,5}.{b}.{conv3,shortcut}.weight",
      to: "backbone.0.body.layer{1,2,3,4}.{b}.{conv3,downsample.0}.weight",
      optional: true,
    },
    {
      from: `backbone.res{2,3,4,5}.{b}.{conv3,shortcut}.norm.${BATCH_NORM}`,
      to: `backbone.0.body.layer{1,2,3,4}.{b}.{bn3,downsample.1}.${BATCH_NORM}`,
      optional: true,
    },
  ],
};

/** What all Swin transformers have, by its name and the official one. */
const SWIN_BLOCKS = "{s}.blocks.{b}";

/** As the official one, a level higher: detrex, and the files of Co-DETR's own code. */
export const PLAIN_SWIN: BackboneRules = {
  stem: "backbone.patch_embed.proj.weight",
  rules: [
    {
      from: "backbone.patch_embed.{proj,norm}.{weight,bias}",
      to: "backbone.0.patch_embed.{proj,norm}.{weight,bias}",
    },
    {
      from: `backbone.layers.${SWIN_BLOCKS}.{norm1,attn.qkv,attn.proj,norm2,mlp.fc1,mlp.fc2}.{weight,bias}`,
      to: `backbone.0.layers.${SWIN_BLOCKS}.{norm1,attn.qkv,attn.proj,norm2,mlp.fc1,mlp.fc2}.{weight,bias}`,
    },
    {
      from: `backbone.layers.${SWIN_BLOCKS}.attn.{relative_position_bias_table,relative_position_index}`,
      to: `backbone.0.layers.${SWIN_BLOCKS}.attn.{relative_position_bias_table,relative_position_index}`,
    },
    {
      from: "backbone.layers.{s}.downsample.{reduction.weight,norm.weight,norm.bias}",
      to: "backbone.0.layers.{s}.downsample.{reduction.weight,norm.weight,norm.bias}",
    },
    { from: "backbone.norm{0,1,2,3}.{weight,bias}", to: "backbone.0.norm{0,1,2,3}.{weight,bias}", optional: true },
  ],
};

/** As MMDetection: other names, and patches are merged in the order of Unfold. */
export const MMDET_SWIN: BackboneRules = {
  stem: "backbone.patch_embed.projection.weight",
  rules: [
    {
      from: "backbone.patch_embed.{projection,norm}.{weight,bias}",
      to: "backbone.0.patch_embed.{proj,norm}.{weight,bias}",
    },
    {
      from: `backbone.stages.${SWIN_BLOCKS}.{norm1,attn.w_msa.qkv,attn.w_msa.proj,norm2}.{weight,bias}`,
      to: `backbone.0.layers.${SWIN_BLOCKS}.{norm1,attn.qkv,attn.proj,norm2}.{weight,bias}`,
    },
    {
      from: `backbone.stages.${SWIN_BLOCKS}.ffn.layers.{0.0,1}.{weight,bias}`,
      to: `backbone.0.layers.${SWIN_BLOCKS}.mlp.{fc1,fc2}.{weight,bias}`,
    },
    {
      from: `backbone.stages.${SWIN_BLOCKS}.attn.w_msa.{relative_position_bias_table,relative_position_index}`,
      to: `backbone.0.layers.${SWIN_BLOCKS}.attn.{relative_position_bias_table,relative_position_index}`,
    },
    {
      from: "backbone.stages.{s}.downsample.{reduction.weight,norm.weight,norm.bias}",
      to: "backbone.0.layers.{s}.downsample.{reduction.weight,norm.weight,norm.bias}",
      values: "unfold",
    },
    { from: "backbone.norm{0,1,2,3}.{weight,bias}", to: "backbone.0.norm{0,1,2,3}.{weight,bias}", optional: true },
  ],
};

/** The official ConvNeXt has a norm for its first map even where nothing takes it; it has as many features as this one. */
const UNUSED_NORM: readonly Rule[] = [
  { from: "backbone.downsample_layers.1.0.{weight,bias}", to: "backbone.0.norm0.{weight,bias}", values: "unused" },
];

/** As the official one, a level higher: detrex. */
export const PLAIN_CONVNEXT: BackboneRules = {
  stem: "backbone.stages.0.0.dwconv.weight",
  rules: [
    {
      from: "backbone.downsample_layers.{s}.{0,1}.{weight,bias}",
      to: "backbone.0.downsample_layers.{s}.{0,1}.{weight,bias}",
    },
    {
      from: "backbone.stages.{s}.{b}.{dwconv,norm,pwconv1,pwconv2}.{weight,bias}",
      to: "backbone.0.stages.{s}.{b}.{dwconv,norm,pwconv1,pwconv2}.{weight,bias}",
    },
    { from: "backbone.stages.{s}.{b}.gamma", to: "backbone.0.stages.{s}.{b}.gamma" },
    { from: "backbone.norm{0,1,2,3}.{weight,bias}", to: "backbone.0.norm{0,1,2,3}.{weight,bias}", optional: true },
    ...UNUSED_NORM,
  ],
};

/** As MMPretrain, whose backbones MMDetection takes: its matrices may be convolutions of 1 x 1. */
export const MMPRETRAIN_CONVNEXT: BackboneRules = {
  stem: "backbone.stages.0.0.depthwise_conv.weight",
  rules: [
    {
      from: "backbone.downsample_layers.{s}.{0,1}.{weight,bias}",
      to: "backbone.0.downsample_layers.{s}.{0,1}.{weight,bias}",
    },
    {
      from: "backbone.stages.{s}.{b}.{depthwise_conv,norm}.{weight,bias}",
      to: "backbone.0.stages.{s}.{b}.{dwconv,norm}.{weight,bias}",
    },
    {
      from: "backbone.stages.{s}.{b}.pointwise_conv{1,2}.{weight,bias}",
      to: "backbone.0.stages.{s}.{b}.pwconv{1,2}.{weight,bias}",
      values: "matrix",
    },
    { from: "backbone.stages.{s}.{b}.gamma", to: "backbone.0.stages.{s}.{b}.gamma" },
    { from: "backbone.norm{0,1,2,3}.{weight,bias}", to: "backbone.0.norm{0,1,2,3}.{weight,bias}", optional: true },
    ...UNUSED_NORM,
  ],
};
