/** Whose names a file has: told by names alone. */
import { DinogradError } from "../../../engine/errors.ts";
import { CO_DINO } from "./co_dino.ts";
import { DETREX } from "./detrex.ts";
import type { Layout, LayoutName } from "./layout.ts";
import { MMDET } from "./mmdet.ts";

/** Tensors by name. */
type Names = ReadonlyMap<string, unknown>;

const LAYOUTS: readonly Layout[] = [DETREX, MMDET, CO_DINO];

/** What people call the programs whose names these are. */
export const LAYOUT_TITLES: Readonly<Record<LayoutName, string>> = {
  detrex: DETREX.title,
  mmdet: MMDET.title,
  "co-dino": CO_DINO.title,
};

/** Another model that is easily taken for DINO: one of its names is of each of these forms. */
interface LookAlike {
  readonly title: string;
  readonly names: readonly RegExp[];
}

/** What has the names of a DINO and others beside them. */
const VARIANTS: readonly LookAlike[] = [
  { title: "Relation-DETR", names: [/^transformer\.decoder\.position_relation_embedding\./] },
  { title: "Stable-DINO", names: [/^transformer\.encoder\.fusion_layer\./] },
  {
    title: "Grounding DINO or another detector that is told by text what to find",
    names: [/^(bert|language_model|text_encoder)\.|^transformer\.encoder\.(text|fusion)_layers\./],
  },
  { title: "Mask DINO or Mask2Former", names: [/^(sem_seg_head|panoptic_head)\./] },
  { title: "DETA", names: [/^transformer\.pix_trans\./] },
  { title: "DDQ-DETR", names: [/^(query_map|aux_heads|bbox_head\.aux_(cls|reg)_branches)\./, /^memory_trans_fc\./] },
  { title: "DINO with a FocalNet, a backbone that is not built here", names: [/^backbone\..*\.modulation\.(f|h)\./] },
  {
    title: "DINO with an InternImage, a backbone that is not built here",
    names: [/^backbone\.(0\.)?levels\.\d+\.blocks\.\d+\.(dcn|core_op)\./],
  },
  {
    title: "a detector with a plain vision transformer (ViTDet, EVA), a backbone that is not built here",
    names: [/^backbone\.(0\.)?((net\.)?blocks\.\d+\.attn\.|simfp_\d)/],
  },
];

/** Other models. */
const OTHERS: readonly LookAlike[] = [
  {
    title: "the DINO of Hugging Face transformers, whose names are not known here",
    names: [/content_query_embeddings\./],
  },
  {
    title: "Co-Deformable-DETR, which is no DINO",
    names: [/^query_head\.transformer\.(pos_trans|reference_points)\./],
  },
  { title: "RT-DETR or one built on it", names: [/(^|\.)decoder\.(dec_score_head|enc_score_head|dec_bbox_head)\./] },
  {
    title: "Conditional DETR, DAB-DETR or DN-DETR",
    names: [
      /^(transformer\.)?decoder\.query_scale\.|^refpoint_embed\./,
      /^(transformer\.)?decoder\.layers\.\d+\.(sa|ca)_|\.query_scale\./,
    ],
  },
  { title: "DAB-Deformable-DETR or DN-Deformable-DETR", names: [/^refpoint_embed\./] },
  {
    title: "Deformable DETR or H-DETR",
    names: [
      /^((bbox_head\.)?transformer\.)?(pos_trans|pos_trans_fc|reference_points|reference_points_fc)\.(weight|0\.weight)$/,
    ],
  },
  {
    title: "DETR",
    names: [
      /^(transformer\.)?encoder\.layers\.\d+\.(self_attn|attentions\.0)\.(attn\.)?in_proj_weight$/,
      /^query_embed(ding)?\.weight$/,
    ],
  },
  { title: "a detector with two stages of regions (Faster R-CNN)", names: [/^(rpn_head|rpn|proposal_generator)\./] },
];

/**
 * The layout of a file that is not in the official names; null where it is, or where nothing tells.
 * @throws {DinogradError} of kind "checkpoint" that names another architecture
 */
export function recogniseLayout(weights: Names, path: string): Layout | null {
  refuse(VARIANTS, weights, path);
  const layout = layoutOf(weights);
  if (layout === null) refuse(OTHERS, weights, path);
  return layout;
}

/** The layout whose marks a file has; null where it has those of none. Other architectures are not looked for. */
export function layoutOf(weights: Names): Layout | null {
  return LAYOUTS.find(({ marks }) => marks.every((mark) => weights.has(mark))) ?? null;
}

function refuse(list: readonly LookAlike[], weights: Names, path: string): void {
  const names = [...weights.keys()];
  const other = list.find((one) => one.names.every((form) => names.some((name) => form.test(name))));
  if (other === undefined) return;
  throw new DinogradError("checkpoint", `${path}: expected weights of DINO but found those of ${other.title}`);
}
