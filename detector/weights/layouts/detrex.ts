/** The names of detrex's DINO (`projects/dino`). */
import { DETECTRON_RESNET, PLAIN_CONVNEXT, PLAIN_SWIN } from "./backbones.ts";
import { CENTRES, type Layout, PREPARATION } from "./layout.ts";

const ENCODER = "transformer.encoder.layers.{n}";
const DECODER = "transformer.decoder.layers.{n}";
const ATTENTION = "{sampling_offsets,attention_weights,value_proj,output_proj}.{weight,bias}";

export const DETREX: Layout = {
  name: "detrex",
  title: "detrex",
  marks: ["transformer.level_embeds", "transformer.enc_output.weight", "transformer.tgt_embed.weight"],
  decoderLayer: "transformer.decoder.layers.{n}.norms.0.weight",
  output: "neck.convs.{n}.conv.weight",
  rules: [
    { from: "transformer.level_embeds", to: "transformer.level_embed" },
    { from: "transformer.tgt_embed.weight", to: "transformer.tgt_embed.weight" },
    {
      from: "transformer.{enc_output,enc_output_norm,decoder.norm}.{weight,bias}",
      to: "transformer.{enc_output,enc_output_norm,decoder.norm}.{weight,bias}",
    },
    { from: `${ENCODER}.attentions.0.${ATTENTION}`, to: `${ENCODER}.self_attn.${ATTENTION}` },
    { from: `${ENCODER}.norms.{0,1}.{weight,bias}`, to: `${ENCODER}.norm{1,2}.{weight,bias}` },
    { from: `${ENCODER}.ffns.0.layers.{0.0,1}.{weight,bias}`, to: `${ENCODER}.linear{1,2}.{weight,bias}` },
    {
      from: `${DECODER}.attentions.0.attn.{in_proj_weight,in_proj_bias,out_proj.weight,out_proj.bias}`,
      to: `${DECODER}.self_attn.{in_proj_weight,in_proj_bias,out_proj.weight,out_proj.bias}`,
    },
    { from: `${DECODER}.attentions.1.${ATTENTION}`, to: `${DECODER}.cross_attn.${ATTENTION}` },
    // Here norms are in the order of their use; the official norm2 follows self-attention and norm1 cross-attention.
    { from: `${DECODER}.norms.{0,1,2}.{weight,bias}`, to: `${DECODER}.norm{2,1,3}.{weight,bias}` },
    { from: `${DECODER}.ffns.0.layers.{0.0,1}.{weight,bias}`, to: `${DECODER}.linear{1,2}.{weight,bias}` },
    {
      from: "transformer.decoder.ref_point_head.layers.{0,1}.{weight,bias}",
      to: "transformer.decoder.ref_point_head.layers.{0,1}.{weight,bias}",
    },
    {
      from: "{class_embed|transformer.decoder.class_embed}.{layer}.{weight,bias}",
      to: ["class_embed.{layer}.{weight,bias}", "transformer.decoder.class_embed.{layer}.{weight,bias}"],
    },
    {
      from: "{class_embed|transformer.decoder.class_embed}.{last}.{weight,bias}",
      to: "transformer.enc_out_class_embed.{weight,bias}",
    },
    {
      from: "{bbox_embed|transformer.decoder.bbox_embed}.{layer}.layers.{0,1,2}.{weight,bias}",
      to: [
        "bbox_embed.{layer}.layers.{0,1,2}.{weight,bias}",
        "transformer.decoder.bbox_embed.{layer}.layers.{0,1,2}.{weight,bias}",
      ],
    },
    {
      from: "{bbox_embed|transformer.decoder.bbox_embed}.{last}.layers.{0,1,2}.{weight,bias}",
      to: "transformer.enc_out_bbox_embed.layers.{0,1,2}.{weight,bias}",
    },
    { from: "label_enc.weight", to: "label_enc.weight", values: "labels" },
    { from: "neck.convs.{n}.{conv,norm}.{weight,bias}", to: "input_proj.{n}.{0,1}.{weight,bias}" },
    { from: "neck.extra_convs.{n}.{conv,norm}.{weight,bias}", to: "input_proj.{outputs+n}.{0,1}.{weight,bias}" },
  ],
  backbones: [DETECTRON_RESNET, PLAIN_SWIN, PLAIN_CONVNEXT],
  ignored: ["*.num_batches_tracked", "criterion.empty_weight", "pixel_mean", "pixel_std"],
  config: { ...CENTRES, ...PREPARATION.detrex },
  isCertain: false,
};
