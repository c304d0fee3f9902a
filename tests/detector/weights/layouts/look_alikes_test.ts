import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { preset } from "../../../../detector/config/mod.ts";
import { outlineModel } from "../../../../detector/train/model_outline.ts";
import { recogniseLayout } from "../../../../detector/weights/mod.ts";
import { DinogradError } from "../../../../engine/errors.ts";

/** Names of other models that their programs publish, as far as they tell; DINO's own are beside them where it is built on. */
const OTHERS: Readonly<Record<string, string>> = {
  "Relation-DETR": "transformer.level_embeds transformer.tgt_embed.weight transformer.enc_output.weight " +
    "transformer.decoder.position_relation_embedding.pos_proj.0.weight",
  "Stable-DINO": "transformer.level_embeds transformer.tgt_embed.weight transformer.enc_output.weight " +
    "transformer.encoder.fusion_layer.0.weight",
  "Grounding DINO": "transformer.level_embed bert.encoder.layer.0.output.dense.weight input_proj.0.0.weight",
  "told by text":
    "language_model.language_backbone.body.model.embeddings.word_embeddings.weight memory_trans_fc.weight",
  "Mask DINO": "sem_seg_head.predictor.decoder.layers.0.norm1.weight backbone.stem.conv1.weight",
  "DETA": "transformer.level_embed transformer.pix_trans.weight transformer.pos_trans.weight",
  "DDQ-DETR": "memory_trans_fc.weight query_map.weight bbox_head.cls_branches.0.weight query_embedding.weight",
  "FocalNet": "transformer.level_embed backbone.0.layers.0.blocks.0.modulation.f.weight",
  "InternImage": "transformer.level_embeds backbone.levels.0.blocks.0.dcn.dw_conv.0.weight",
  "a plain vision transformer":
    "transformer.level_embeds backbone.net.blocks.0.attn.qkv.weight neck.convs.0.conv.weight",
  "transformers": "model.content_query_embeddings.weight model.encoder.layers.0.self_attn.value_proj.weight",
  "Co-Deformable-DETR": "query_head.transformer.pos_trans.weight query_head.cls_branches.0.weight",
  "RT-DETR": "decoder.dec_score_head.0.weight decoder.decoder.layers.0.self_attn.in_proj_weight",
  "Conditional DETR":
    "transformer.decoder.query_scale.layers.0.weight transformer.decoder.layers.0.sa_qcontent_proj.weight",
  "DAB-DETR": "refpoint_embed.weight transformer.decoder.query_scale.layers.0.weight",
  "DAB-Deformable-DETR": "refpoint_embed.weight tgt_embed.weight transformer.level_embed input_proj.0.0.weight",
  "Deformable DETR or H-DETR": "query_embed.weight transformer.level_embed transformer.reference_points.weight",
  "or H-DETR":
    "transformer.level_embed transformer.pos_trans.weight transformer.enc_output.weight class_embed.6.weight",
  "Deformable DETR": "memory_trans_fc.weight pos_trans_fc.weight bbox_head.cls_branches.0.weight level_embed",
  "DETR": "transformer.encoder.layers.0.self_attn.in_proj_weight query_embed.weight input_proj.weight",
  "Faster R-CNN": "rpn_head.rpn_conv.weight roi_head.bbox_head.fc_cls.weight backbone.conv1.weight",
};

Deno.test("models that look alike are refused by their names", () => {
  for (const [title, names] of Object.entries(OTHERS)) {
    const tensors = new Map(names.split(" ").map((name) => [name, null]));
    const { kind, message } = assertThrows(() => recogniseLayout(tensors, "file.pth"), DinogradError, undefined, title);
    assertEquals(kind, "checkpoint");
    assertStringIncludes(message, "file.pth: expected weights of DINO but found those of ");
    assertStringIncludes(message, title);
  }
});

Deno.test("the official names are those of no other model, nor are those of backbones alone", () => {
  for (const backbone of ["resnet18", "resnet_small", "swin_T_224_1k", "convnext_tiny_1k"] as const) {
    for (const embed_init_tgt of [true, false]) {
      const config = { ...preset("DINO_4scale"), backbone, embed_init_tgt, enc_layers: 1, dec_layers: 1 };
      const state = outlineModel(config).stateDict();
      assertEquals(recogniseLayout(state, "file.pth"), null);
      const alone = [...state.keys()].filter((name) => name.startsWith("backbone.")).map((name) =>
        [name.replace(/^backbone\.0\.(body\.)?/, ""), null] as const
      );
      assertEquals(recogniseLayout(new Map(alone), "file.pth"), null);
    }
  }
});
