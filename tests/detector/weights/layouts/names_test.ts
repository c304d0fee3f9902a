import { assert, assertEquals, assertNotEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type BackboneName,
  type ConfigObject,
  type DinoConfig,
  preset,
  resolveConfig,
} from "../../../../detector/config/mod.ts";
import { outlineModel } from "../../../../detector/train/model_outline.ts";
import { type NamedWeight, recogniseLayout } from "../../../../detector/weights/mod.ts";
import { describeForeign } from "../../../../detector/weights/layouts/foreign.ts";
import { translate } from "../../../../detector/weights/layouts/translate.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { foreignNames, type ForeignProgram, isMerged, unfolded } from "../../../helpers/foreign_files.ts";

const OWN_HEADS = { dec_pred_bbox_embed_share: false, dec_pred_class_embed_share: false };

/** A weight of which nothing but the shape is asked, unless its values are asked for. */
const weightOf = (shape: readonly number[]): NamedWeight => ({
  dtype: "f32",
  shape,
  read: () => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    return Promise.resolve({
      dtype: "f32",
      shape,
      data: new Uint8Array(Float32Array.from({ length: size }, (_, i) => i).buffer),
    });
  },
});

interface Case {
  readonly program: ForeignProgram;
  readonly backbone: BackboneName;
  readonly changes?: ConfigObject;
}

function configOf({ backbone, changes = {} }: Case): DinoConfig {
  return resolveConfig({ ...OWN_HEADS, backbone, ...changes }, { base: preset("DINO_4scale") }).config;
}

/** The tensors of a model as a program would save them, and those of the model itself. */
function savedBy(one: Case) {
  const config = configOf(one);
  const state = outlineModel(config).stateDict();
  const official = new Map([...state].map(([name, { shape }]) => [name, shape]));
  const model = { program: one.program, layers: config.dec_layers, outputs: config.return_interm_indices.length };
  const weights = new Map<string, NamedWeight>();
  const known = new Map<unknown, NamedWeight>();
  for (const [name, tensor] of state) {
    const rows = name === "label_enc.weight" ? [config.num_classes, tensor.shape[1]] : tensor.shape;
    const weight = known.get(tensor) ?? weightOf(rows);
    known.set(tensor, weight);
    for (const foreign of foreignNames(name, model)) weights.set(foreign, weight);
  }
  const layout = recogniseLayout(weights, "file.pth");
  if (layout === null) throw new Error(`${one.program}: expected to be recognised`);
  return { config, official, weights, model, layout };
}

const FIVE: ConfigObject = { num_feature_levels: 5, return_interm_indices: [0, 1, 2, 3] };
const CASES: readonly Case[] = [
  { program: "detrex", backbone: "resnet50" },
  { program: "detrex", backbone: "resnet50", changes: FIVE },
  { program: "detrex", backbone: "resnet101" },
  {
    program: "detrex",
    backbone: "resnet18",
    changes: { enc_layers: 3, dec_layers: 2, num_queries: 300, num_classes: 7, dn_labelbook_size: 7 },
  },
  { program: "detrex", backbone: "swin_T_224_1k" },
  { program: "detrex", backbone: "swin_S_224_1k" },
  { program: "detrex", backbone: "swin_B_384_22k" },
  { program: "detrex", backbone: "swin_L_224_22k" },
  { program: "detrex", backbone: "swin_L_384_22k", changes: FIVE },
  { program: "detrex", backbone: "convnext_tiny_1k" },
  { program: "detrex", backbone: "convnext_large_1k", changes: FIVE },
  { program: "mmdet", backbone: "resnet50" },
  { program: "mmdet", backbone: "resnet101", changes: { dim_feedforward: 1024 } },
  { program: "mmdet", backbone: "swin_T_224_1k" },
  { program: "mmdet", backbone: "swin_L_384_22k", changes: FIVE },
  { program: "co-dino", backbone: "resnet50", changes: FIVE },
  {
    program: "co-dino",
    backbone: "swin_L_384_22k",
    changes: { ...FIVE, enc_layers: 9, num_classes: 365, dn_labelbook_size: 365 },
  },
];

Deno.test("names of each program and backbone become the official ones, and configurations follow from shapes", async () => {
  for (const one of CASES) {
    const what = JSON.stringify(one);
    const { config, official, weights, model, layout } = savedBy(one);
    assertEquals(layout.name, one.program, what);
    const translated = translate(weights, layout, "file.pth");
    assertEquals([...translated.keys()].toSorted(), [...official.keys()].toSorted(), what);
    for (const [name, shape] of official) {
      const weight = translated.get(name);
      const [foreign] = foreignNames(name, model);
      assertEquals(weight?.shape, shape, `${what} ${name}`);
      if (foreign === undefined && /^input_proj\.\d\.0\.bias$/.test(name)) {
        assertEquals((await weight?.read())?.data, new Uint8Array(4 * shape[0]), `${what} ${name}`);
      } else if (name !== "label_enc.weight" && foreign !== undefined && !isMerged(name, one.program)) {
        assert(weight === weights.get(foreign), `${what}: ${name} is not ${foreign}`);
      }
    }
    const own = describeForeign(translated, layout, undefined);
    const found = resolveConfig(own.config, { base: preset("DINO_4scale") }).config;
    const positions = one.program === "detrex"
      ? { pe_temperatureH: 10000, pe_temperatureW: 10000, pe_offset: -0.5 }
      : { pe_temperatureH: 20, pe_temperatureW: 20, pe_offset: 0 };
    const preparation = {
      resize_rule: one.program === "detrex" ? "detectron2" : "mmdetection",
      resize_filter: one.program === "detrex" ? "pillow" : "opencv",
      ...{ exif_orientation: true, clip_boxes: true },
    } as const;
    // Two names stand for one network where they differ in its pretraining alone.
    const same = { swin_B_224_22k: 1, convnext_base_22k: 1, convnext_large_22k: 1 };
    assert(!(found.backbone in same) || found.backbone === one.backbone, what);
    assertEquals(found, { ...config, ...positions, ...preparation, backbone: found.backbone }, what);
    assertEquals([own.classes, own.assumed === null], [null, one.program === "co-dino"], what);
  }
});

Deno.test("patches that were merged in the order of Unfold are merged in the official order", async () => {
  const { weights, official, layout } = savedBy({ program: "mmdet", backbone: "swin_T_224_1k" });
  const translated = translate(weights, layout, "file.pth");
  for (const part of ["reduction.weight", "norm.weight", "norm.bias"]) {
    const name = `backbone.0.layers.1.downsample.${part}`;
    const shape = official.get(name) ?? [];
    const { data } = await translated.get(name)?.read() ?? { data: new Uint8Array() };
    const values = new Float32Array(data.buffer);
    const stored = new Float32Array((await weightOf(shape).read()).data.buffer as ArrayBuffer);
    assertNotEquals(values, stored);
    assertEquals(unfolded({ shape, data: values }).data, stored, part);
  }
});

Deno.test("what the programs have beside the model is passed over, and the same tensor under one of its two names is enough", () => {
  const extras: Readonly<Record<ForeignProgram, readonly string[]>> = {
    detrex: ["criterion.empty_weight", "backbone.stem.conv1.norm.num_batches_tracked"],
    mmdet: ["backbone.bn1.num_batches_tracked", "data_preprocessor.mean"],
    "co-dino": [
      "backbone.bn1.num_batches_tracked",
      "query_head.downsample.0.weight",
      "query_head.transformer.aux_pos_trans.0.weight",
      "query_head.transformer.aux_pos_trans_norm.1.bias",
      "query_head.transformer.pos_feats_trans.0.weight",
      "rpn_head.rpn_cls.weight",
      "roi_head.0.bbox_head.fc_cls.weight",
      "bbox_head.0.cls_convs.0.conv.weight",
    ],
  };
  for (const program of ["detrex", "mmdet", "co-dino"] as const) {
    const { weights, official, layout } = savedBy({ program, backbone: "resnet50" });
    for (const name of extras[program]) weights.set(name, weightOf([1]));
    if (program === "detrex") {
      for (const name of [...weights.keys()]) {
        if (/^class_embed|^transformer\.decoder\.bbox_embed/.test(name)) weights.delete(name);
      }
    }
    if (program === "co-dino") {
      // As Co-DETR's own code has it.
      weights.set("query_head.label_embedding.weight", weightOf([91, 256]));
      weights.delete("query_head.dn_generator.label_embedding.weight");
    }
    const translated = translate(weights, layout, "file.pth");
    assertEquals([...translated.keys()].toSorted(), [...official.keys()].toSorted(), program);
  }
});

/** Without these a file is another model, with fewer layers or maps, or none of the program. */
const STRUCTURE = new RegExp(
  "^(backbone\\.0\\.body\\.layer(1\\.0\\.conv1|\\d\\.\\d\\.downsample)|transformer\\.(tgt_embed|level_embed|enc_output\\.weight)|" +
    "input_proj\\.2\\.0|transformer\\.decoder\\.(layers\\.1\\.norm2|class_embed|bbox_embed)|class_embed\\.0\\.weight|label_enc)",
);

Deno.test("every tensor that is missing and every one without a use is named in one error", () => {
  for (const program of ["detrex", "mmdet", "co-dino"] as const) {
    const changes = { enc_layers: 1, dec_layers: 2, num_feature_levels: 4 };
    const { weights, official, model, layout } = savedBy({ program, backbone: "resnet18", changes });
    for (const [at, name] of [...official.keys()].entries()) {
      const foreign = foreignNames(name, model);
      if (foreign.length === 0 || STRUCTURE.test(name) || at % 3 > 0) continue;
      const gone = [...foreign, ...foreign.map((one) => `transformer.decoder.${one}`)];
      const fewer = new Map([...weights].filter(([key]) => !gone.includes(key)));
      const { message, kind } = assertThrows(
        () => translate(fewer, layout, "file.pth"),
        DinogradError,
        undefined,
        name,
      );
      assertEquals(kind, "checkpoint");
      assertStringIncludes(message, `but found none for "${foreign[0]}"`, name);
    }
    for (
      const name of ["mask_head.0.weight", "neck.convs.0.conv.extra", "backbone.res2.0.conv9.weight", "x\u001b[2J"]
    ) {
      const more = new Map([...weights, [name, weightOf([1])] as const]);
      const { message } = assertThrows(() => translate(more, layout, "file.pth"), DinogradError);
      assertStringIncludes(message, "but found no use for ");
      assert(!message.includes("\u001b"));
    }
  }
});
