/**
 * No setting that changes what a model computes is ignored by an export: with each of them changed, the exported model finds
 * what the model finds, and that is something else than without the change.
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import type { DinoConfig } from "../../../detector/config/mod.ts";
import { CONFIG_KEYS, configKeys, groupOf } from "../../../detector/config/schema.ts";
import { checkExport, shakenModel, withBackbone } from "../../helpers/onnx_models.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { TINY_BOTTLENECKS } from "../../helpers/tiny_backbone.ts";
import { tinyConfig } from "../../helpers/tiny_model.ts";

/** One other value for every setting that can change what a model computes. */
const CHANGES: Readonly<Record<string, Partial<DinoConfig>>> = {
  num_classes: { num_classes: 5, dn_labelbook_size: 5 },
  norm: { norm: "frozen_batch_norm" },
  "norm, another": { norm: "batch_norm" },
  norm_group_channels: { norm_group_channels: 4 },
  backbone_stem_width: { backbone_stem_width: 16 },
  backbone_widths: { backbone_widths: [8, 16, 16, 16] },
  backbone_depths: { backbone_depths: [1, 2, 1, 1] },
  return_interm_indices: { return_interm_indices: [3] },
  pe_temperatureH: { pe_temperatureH: 100 },
  pe_temperatureW: { pe_temperatureW: 100 },
  pe_offset: { pe_offset: -0.5 },
  enc_layers: { enc_layers: 2 },
  dec_layers: { dec_layers: 3 },
  dim_feedforward: { dim_feedforward: 48 },
  hidden_dim: { hidden_dim: 64 },
  nheads: { nheads: 2 },
  num_queries: { num_queries: 12 },
  num_feature_levels: { num_feature_levels: 4 },
  enc_n_points: { enc_n_points: 3 },
  dec_n_points: { dec_n_points: 2 },
  two_stage_bbox_embed_share: { two_stage_bbox_embed_share: true },
  two_stage_class_embed_share: { two_stage_class_embed_share: true },
  two_stage_learn_wh: { two_stage_learn_wh: true },
  num_select: { num_select: 7 },
  nms_iou_threshold: { nms_iou_threshold: 0.3 },
  clip_boxes: { clip_boxes: true },
  transformer_activation: { transformer_activation: "gelu" },
  decoder_module_seq: { decoder_module_seq: ["ca", "sa", "ffn"] },
  dec_pred_bbox_embed_share: { dec_pred_bbox_embed_share: false, two_stage_bbox_embed_share: false },
  dec_pred_class_embed_share: { dec_pred_class_embed_share: false, two_stage_class_embed_share: false },
  embed_init_tgt: { embed_init_tgt: false },
  image_channels: { image_channels: "bgr" },
  image_mean: { image_mean: [0.4, 0.5, 0.6] },
  image_std: { image_std: [0.3, 0.2, 0.1] },
};

/** What decides nothing after training, and what the tests of runtimes have for themselves. */
const OTHERS: Readonly<Record<string, string>> = {
  backbone: "each family has a test of its own",
  dilation: "below: the tiny model's blocks cannot dilate",
  position_embedding: "there is one",
  backbone_drop_path_rate: "drops in training",
  dropout: "drops in training",
  dn_labelbook_size: "denoising queries exist in training",
  use_detached_boxes_dec_out: "cuts gradients",
};

Deno.test("every setting of the model is among those that are changed here, or has a reason not to be", () => {
  const keys = configKeys().filter((key) => groupOf(key) === "model" && CONFIG_KEYS[key].use === "used");
  const changed = Object.keys(CHANGES).map((name) => name.replace(/,.*/, ""));
  assertEquals(keys.filter((key) => !changed.includes(key) && !Object.hasOwn(OTHERS, key)), []);
  assertEquals(Object.keys(OTHERS).filter((key) => !keys.some((one) => one === key) || changed.includes(key)), []);
});

Deno.test("an export follows every setting that changes what a model computes", () =>
  onCpu(async (device) => {
    const plain = tinyConfig();
    const model = await shakenModel(device, plain);
    model.bboxEmbed[0].layers[2].bias?.assign(Float32Array.of(0, 0, 3, 3)); // large boxes
    const usual = await checkExport(model, { config: plain }, ["plain"]);
    model.dispose();
    for (const [name, changes] of Object.entries(CHANGES)) {
      const config = tinyConfig(changes);
      const model = await shakenModel(device, config);
      model.bboxEmbed[0].layers[2].bias?.assign(Float32Array.of(0, 0, 3, 3));
      const found = await checkExport(model, { config }, ["plain"]).catch((cause) => {
        throw new Error(`${name}: ${cause.message}`, { cause });
      });
      assertNotEquals([...found.boxes], [...usual.boxes], `${name} changed nothing`);
      model.dispose();
    }
  }));

Deno.test("dilated stages are exported as such", () =>
  onCpu(async (device) => {
    const config = tinyConfig();
    const { backbone } = withBackbone(config, TINY_BOTTLENECKS);
    const found = [];
    for (const dilation of [false, true]) {
      const model = await shakenModel(device, config, { backbone: { ...backbone, dilation } });
      found.push([...(await checkExport(model, { config }, ["plain"])).boxes]);
      model.dispose();
    }
    assertNotEquals(found[0], found[1]);
  }));
