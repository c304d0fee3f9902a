/** The names of MMDetection's DINO (from version 3 on). */
import { MMDET_SWIN, MMPRETRAIN_CONVNEXT, PLAIN_RESNET } from "./backbones.ts";
import { FAR_EDGES, type Layout, PREPARATION, type Rule } from "./layout.ts";

const ATTENTION = "{sampling_offsets,attention_weights,value_proj,output_proj}.{weight,bias}";

/** The convolutions that MMDetection puts between backbone and encoder have no bias. */
export const MMDET_NECK: readonly Rule[] = [
  { from: "neck.convs.{n}.conv.weight", to: "input_proj.{n}.0.weight" },
  { from: "neck.convs.{n}.conv.bias", to: "input_proj.{n}.0.bias", optional: true },
  { from: "neck.convs.{n}.gn.bias", to: "input_proj.{n}.0.bias", values: "zeros" },
  { from: "neck.convs.{n}.gn.{weight,bias}", to: "input_proj.{n}.1.{weight,bias}" },
  { from: "neck.extra_convs.{n}.conv.weight", to: "input_proj.{outputs+n}.0.weight" },
  { from: "neck.extra_convs.{n}.conv.bias", to: "input_proj.{outputs+n}.0.bias", optional: true },
  { from: "neck.extra_convs.{n}.gn.bias", to: "input_proj.{outputs+n}.0.bias", values: "zeros" },
  { from: "neck.extra_convs.{n}.gn.{weight,bias}", to: "input_proj.{outputs+n}.1.{weight,bias}" },
];

export const MMDET: Layout = {
  name: "mmdet",
  title: "MMDetection",
  marks: ["memory_trans_fc.weight", "query_embedding.weight", "bbox_head.cls_branches.0.weight"],
  decoderLayer: "decoder.layers.{n}.norms.0.weight",
  output: "neck.convs.{n}.conv.weight",
  rules: [
    { from: "level_embed", to: "transformer.level_embed" },
    { from: "query_embedding.weight", to: "transformer.tgt_embed.weight" },
    { from: "memory_trans_{fc,norm}.{weight,bias}", to: "transformer.enc_{output,output_norm}.{weight,bias}" },
    { from: `encoder.layers.{n}.self_attn.${ATTENTION}`, to: `transformer.encoder.layers.{n}.self_attn.${ATTENTION}` },
    {
      from: "encoder.layers.{n}.norms.{0,1}.{weight,bias}",
      to: "transformer.encoder.layers.{n}.norm{1,2}.{weight,bias}",
    },
    {
      from: "encoder.layers.{n}.ffn.layers.{0.0,1}.{weight,bias}",
      to: "transformer.encoder.layers.{n}.linear{1,2}.{weight,bias}",
    },
    {
      from: "decoder.layers.{n}.self_attn.attn.{in_proj_weight,in_proj_bias,out_proj.weight,out_proj.bias}",
      to: "transformer.decoder.layers.{n}.self_attn.{in_proj_weight,in_proj_bias,out_proj.weight,out_proj.bias}",
    },
    {
      from: `decoder.layers.{n}.cross_attn.${ATTENTION}`,
      to: `transformer.decoder.layers.{n}.cross_attn.${ATTENTION}`,
    },
    // Here norms are in the order of their use; the official norm2 follows self-attention and norm1 cross-attention.
    {
      from: "decoder.layers.{n}.norms.{0,1,2}.{weight,bias}",
      to: "transformer.decoder.layers.{n}.norm{2,1,3}.{weight,bias}",
    },
    {
      from: "decoder.layers.{n}.ffn.layers.{0.0,1}.{weight,bias}",
      to: "transformer.decoder.layers.{n}.linear{1,2}.{weight,bias}",
    },
    { from: "decoder.norm.{weight,bias}", to: "transformer.decoder.norm.{weight,bias}" },
    {
      from: "decoder.ref_point_head.layers.{0,1}.{weight,bias}",
      to: "transformer.decoder.ref_point_head.layers.{0,1}.{weight,bias}",
    },
    {
      from: "bbox_head.cls_branches.{layer}.{weight,bias}",
      to: ["class_embed.{layer}.{weight,bias}", "transformer.decoder.class_embed.{layer}.{weight,bias}"],
    },
    {
      from: "bbox_head.cls_branches.{last}.{weight,bias}",
      to: "transformer.enc_out_class_embed.{weight,bias}",
    },
    {
      from: "bbox_head.reg_branches.{layer}.{0,2,4}.{weight,bias}",
      to: [
        "bbox_embed.{layer}.layers.{0,1,2}.{weight,bias}",
        "transformer.decoder.bbox_embed.{layer}.layers.{0,1,2}.{weight,bias}",
      ],
    },
    {
      from: "bbox_head.reg_branches.{last}.{0,2,4}.{weight,bias}",
      to: "transformer.enc_out_bbox_embed.layers.{0,1,2}.{weight,bias}",
    },
    { from: "dn_query_generator.label_embedding.weight", to: "label_enc.weight", values: "labels" },
    ...MMDET_NECK,
  ],
  backbones: [PLAIN_RESNET, MMDET_SWIN, MMPRETRAIN_CONVNEXT],
  ignored: ["*.num_batches_tracked", "data_preprocessor.*"],
  config: { ...FAR_EDGES, ...PREPARATION.mmdet },
  isCertain: false,
};
