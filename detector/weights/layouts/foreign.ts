/** What a translated file says of its model: shapes, and what a few of them keep beside the weights. */
import { pickleGet, PickleTuple, type PickleValue } from "../../../checkpoint/mod.ts";
import { backboneNamed } from "../../config/backbones.ts";
import { type ConfigObject, preset } from "../../config/mod.ts";
import { outlineOfBackbone } from "../backbone_kind.ts";
import { cocoClasses } from "../coco_classes.ts";
import type { ClassName, Weights } from "../named_weight.ts";
import type { Layout } from "./layout.ts";

/** What is known of a model that names its tensors in another way. */
export interface Foreign {
  readonly config: ConfigObject;
  readonly classes: readonly ClassName[] | null;
  /** Half a sentence about what is taken for granted, where weights do not show it; null where all is known. */
  readonly assumed: string | null;
}

/** What MMEngine keeps beside weights; all of it may be absent. */
interface Meta {
  /** Names of the classes by row. */
  readonly names: readonly string[] | null;
  readonly positions: ConfigObject | null;
}

/** Points of deformable attention per head and level; every published DINO has 4. */
const POINTS = 4;

/** The configuration and the classes of translated weights. */
export function describeForeign(weights: Weights, layout: Layout, root: PickleValue | undefined): Foreign {
  const meta = metaOf(root);
  const rows = rowsOf(weights, "class_embed.0.bias");
  const [levels, hidden] = weights.get("transformer.level_embed")?.shape ?? [];
  const count = (form: (n: number) => string) => {
    let at = 0;
    while (weights.has(form(at))) at++;
    return at;
  };
  const convolutions = count((n) => `input_proj.${n}.0.weight`);
  // Maps of the backbone are projected by 1 x 1, and those made of them by 3 x 3.
  const outputs = Math.min(
    4,
    count((n) => weights.get(`input_proj.${n}.0.weight`)?.shape[2] === 1 ? `input_proj.${n}.0.weight` : ""),
  );
  const heads = rowsOf(weights, "transformer.encoder.layers.0.self_attn.attention_weights.bias") / (levels * POINTS);
  const queries = rowsOf(weights, "transformer.tgt_embed.weight");
  const backbone = backboneNamed(outlineOfBackbone(weights), windowOf(weights));
  const shapes: ConfigObject = {
    ...(backbone === undefined ? {} : { backbone }),
    return_interm_indices: [0, 1, 2, 3].slice(4 - outputs),
    num_feature_levels: Math.max(levels, convolutions),
    hidden_dim: hidden,
    nheads: heads,
    enc_n_points: POINTS,
    dec_n_points: POINTS,
    dim_feedforward: rowsOf(weights, "transformer.encoder.layers.0.linear1.bias"),
    enc_layers: count((n) => `transformer.encoder.layers.${n}.norm1.weight`),
    dec_layers: count((n) => `transformer.decoder.layers.${n}.norm1.weight`),
    num_queries: queries,
    num_select: Math.min(300, queries * rows),
    num_classes: rows,
    dn_labelbook_size: rows,
    dec_pred_bbox_embed_share: false,
    dec_pred_class_embed_share: false,
    two_stage_bbox_embed_share: false,
    two_stage_class_embed_share: false,
  };
  const config: ConfigObject = {
    ...{ ...preset("DINO_4scale") },
    ...shapes,
    ...layout.config,
    ...meta.positions,
  };
  const { pe_temperatureH: temperature, pe_offset: offset } = config;
  return {
    config,
    classes: namesOfRows(meta.names, rows),
    assumed: meta.positions !== null || layout.isCertain
      ? null
      : `pe_temperatureH=${temperature} pe_temperatureW=${temperature} ` +
        `pe_offset=${offset}, as in most models of ${layout.title}: weights do not show it, and with another the boxes are worse`,
  };
}

function rowsOf(weights: Weights, name: string): number {
  return weights.get(name)?.shape[0] ?? 0;
}

/** The side of a Swin transformer's windows, in tokens: a bias for each of (2 w - 1)^2 distances. */
function windowOf(weights: Weights): number | undefined {
  const rows = rowsOf(weights, "backbone.0.layers.0.blocks.0.attn.relative_position_bias_table");
  return rows === 0 ? undefined : (Math.sqrt(rows) + 1) / 2;
}

/** Names by row as classes; those of COCO's categories by category id, whichever row they are in. */
function namesOfRows(names: readonly string[] | null, rows: number): readonly ClassName[] | null {
  if (names === null || names.length !== rows) return null;
  const coco = cocoClasses();
  const isCoco = coco.length === rows && coco.every(({ name }, row) => name === names[row].replaceAll("_", " "));
  return isCoco ? coco : names.map((name, id) => ({ id, name }));
}

function metaOf(root: PickleValue | undefined): Meta {
  const meta = pickleGet(root, "meta");
  const dataset = pickleGet(meta, "dataset_meta");
  const names = ["classes", "CLASSES"].flatMap((key) => [pickleGet(dataset, key), pickleGet(meta, key)])
    .map(textsOf).find((found) => found !== null) ?? null;
  const text = pickleGet(meta, "cfg") ?? pickleGet(meta, "config");
  return { names, positions: typeof text === "string" ? positionsOf(text) : null };
}

function textsOf(value: PickleValue | undefined): readonly string[] | null {
  const list = value instanceof PickleTuple ? value.items : value;
  if (!Array.isArray(list) || list.length === 0) return null;
  return list.every((item) => typeof item === "string") ? list : null;
}

/**
 * The positions in the text of an MMEngine configuration, which has
 * `positional_encoding=dict(num_feats=128, normalize=True, offset=0.0, temperature=20)`; null where it has none.
 */
function positionsOf(text: string): ConfigObject | null {
  const [, call] = /\bpositional_encoding\s*=\s*dict\(([^()]{0,1000})\)/.exec(text) ?? [];
  if (call === undefined) return null;
  const value = (key: string, otherwise: number) => {
    const [, digits] = new RegExp(`\\b${key}\\s*=\\s*(-?[\\d.]+(?:e[+-]?\\d+)?)`).exec(call) ?? [];
    const number = Number(digits);
    return digits === undefined || !Number.isFinite(number) ? otherwise : number;
  };
  const temperature = value("temperature", 10000);
  return { pe_temperatureH: temperature, pe_temperatureW: temperature, pe_offset: value("offset", 0) };
}
