/** The names of Co-DINO: in detection it is DINO, and its further heads are of use in training alone. */
import { MMDET_SWIN, MMPRETRAIN_CONVNEXT, PLAIN_RESNET, PLAIN_SWIN } from "./backbones.ts";
import { FAR_EDGES, type Layout, PREPARATION } from "./layout.ts";
import { MMDET_NECK } from "./mmdet.ts";

const ENCODER = "transformer.encoder.layers.{n}";
const DECODER = "transformer.decoder.layers.{n}";
const ATTENTION = "{sampling_offsets,attention_weights,value_proj,output_proj}.{weight,bias}";

export const CO_DINO: Layout = {
  name: "co-dino",
  title: "Co-DETR",
  marks: ["query_head.transformer.query_embed.weight", "query_head.cls_branches.0.weight"],
  decoderLayer: "query_head.transformer.decoder.layers.{n}.norms.0.weight",
  output: "neck.convs.{n}.conv.weight",
  rules: [
    { from: "query_head.transformer.level_embeds", to: "transformer.level_embed" },
    { from: "query_head.transformer.query_embed.weight", to: "transformer.tgt_embed.weight" },
    {
      from: "query_head.transformer.{enc_output,enc_output_norm,decoder.norm}.{weight,bias}",
      to: "transformer.{enc_output,enc_output_norm,decoder.norm}.{weight,bias}",
    },
    { from: `query_head.${ENCODER}.attentions.0.${ATTENTION}`, to: `${ENCODER}.self_attn.${ATTENTION}` },
    { from: `query_head.${ENCODER}.norms.{0,1}.{weight,bias}`, to: `${ENCODER}.norm{1,2}.{weight,bias}` },
    { from: `query_head.${ENCODER}.ffns.0.layers.{0.0,1}.{weight,bias}`, to: `${ENCODER}.linear{1,2}.{weight,bias}` },
    {
      from: `query_head.${DECODER}.attentions.0.attn.{in_proj_weight,in_proj_bias,out_proj.weight,out_proj.bias}`,
      to: `${DECODER}.self_attn.{in_proj_weight,in_proj_bias,out_proj.weight,out_proj.bias}`,
    },
    { from: `query_head.${DECODER}.attentions.1.${ATTENTION}`, to: `${DECODER}.cross_attn.${ATTENTION}` },
    // Here norms are in the order of their use; the official norm2 follows self-attention and norm1 cross-attention.
    { from: `query_head.${DECODER}.norms.{0,1,2}.{weight,bias}`, to: `${DECODER}.norm{2,1,3}.{weight,bias}` },
    { from: `query_head.${DECODER}.ffns.0.layers.{0.0,1}.{weight,bias}`, to: `${DECODER}.linear{1,2}.{weight,bias}` },
    {
      from: "query_head.transformer.decoder.ref_point_head.{0,2}.{weight,bias}",
      to: "transformer.decoder.ref_point_head.layers.{0,1}.{weight,bias}",
    },
    {
      from: "query_head.cls_branches.{layer}.{weight,bias}",
      to: ["class_embed.{layer}.{weight,bias}", "transformer.decoder.class_embed.{layer}.{weight,bias}"],
    },
    {
      from: "query_head.cls_branches.{last}.{weight,bias}",
      to: "transformer.enc_out_class_embed.{weight,bias}",
    },
    {
      from: "query_head.reg_branches.{layer}.{0,2,4}.{weight,bias}",
      to: [
        "bbox_embed.{layer}.layers.{0,1,2}.{weight,bias}",
        "transformer.decoder.bbox_embed.{layer}.layers.{0,1,2}.{weight,bias}",
      ],
    },
    {
      from: "query_head.reg_branches.{last}.{0,2,4}.{weight,bias}",
      to: "transformer.enc_out_bbox_embed.layers.{0,1,2}.{weight,bias}",
    },
    // MMDetection's own port calls it the first, Co-DETR's code the second.
    {
      from: "query_head.{dn_generator.label_embedding|label_embedding}.weight",
      to: "label_enc.weight",
      values: "labels",
    },
    ...MMDET_NECK,
  ],
  backbones: [PLAIN_RESNET, MMDET_SWIN, PLAIN_SWIN, MMPRETRAIN_CONVNEXT],
  ignored: [
    "*.num_batches_tracked",
    "data_preprocessor.*",
    "query_head.downsample.*",
    ...["aux_pos_trans", "aux_pos_trans_norm", "pos_feats_trans", "pos_feats_norm", "head_pos_embed"].map((name) =>
      `query_head.transformer.${name}.*`
    ),
    ...["rpn_head.*", "roi_head.*", "bbox_head.*"],
  ],
  config: { ...FAR_EDGES, ...PREPARATION.mmdet },
  isCertain: true,
};
