/** How another program names the tensors of the same model: data alone, which `translate` carries out. */
import type { ConfigObject } from "../../config/mod.ts";

/**
 * What a name in the file becomes. Names are written with:
 *
 * - `{weight,bias}`: one of these; the lists of `to` follow those of `from` one by one: `norm{1,2}`, `norms.{0,1}`;
 * - `{n}`: a number, the same one in `to`; `{outputs+n}` there adds how many maps the backbone gives;
 * - `{layer}` and `{last}`: the number of a decoder layer, and the number after these, which has the encoder's heads;
 * - `{a|b}`: either of two names that one tensor has.
 */
export interface Rule {
  readonly from: string;
  /** The official name; several where the official model has one tensor under several. */
  readonly to: string | readonly string[];
  /** What becomes of the values; by default nothing. */
  readonly values?: ValueChange;
  /** The file may do without: it is of use in training alone, or belongs to another variant of the model. */
  readonly optional?: true;
}

/**
 * - `zeros`: there is no such tensor in the file; zeros of the shape of `from`, where no other rule gives the name.
 * - `unused`: as `zeros`, where the backbone gives fewer than four maps, so that nothing reads the tensor.
 * - `unfold`: the last axis holds four neighbours of each channel one after the other, in the order of PyTorch's Unfold; here
 *   it holds four maps of all channels.
 * - `labels`: a row more, of zeros: the official table has one for a label that is not known.
 * - `matrix`: convolutions of 1 x 1 as matrices.
 */
export type ValueChange = "zeros" | "unused" | "unfold" | "labels" | "matrix";

/** Rules for one kind of backbone, which is told by a tensor that it always has. */
export interface BackboneRules {
  readonly stem: string;
  readonly rules: readonly Rule[];
}

/** Names of a whole detector. */
export interface Layout {
  readonly name: LayoutName;
  /** As people write it. */
  readonly title: string;
  /** Names that tell it from all others. */
  readonly marks: readonly string[];
  /** A tensor of each decoder layer, and one of each map that the backbone gives. */
  readonly decoderLayer: string;
  readonly output: string;
  readonly rules: readonly Rule[];
  readonly backbones: readonly BackboneRules[];
  /** What is of no use to this model. `*` stands for anything. */
  readonly ignored: readonly string[];
  /** How its program places positions and prepares images, which weights do not show. */
  readonly config: ConfigObject;
  /** Whether all of its published models place positions as `config` says. */
  readonly isCertain: boolean;
}

/** By whose names a file calls its tensors, where these are not the official ones. */
export type LayoutName = "detrex" | "mmdet" | "co-dino";

/** Positions as in the official code: at the far edges of pixels. */
export const FAR_EDGES: ConfigObject = { pe_temperatureH: 20, pe_temperatureW: 20, pe_offset: 0 };
/** As in most of detrex and in the improved model of MMDetection. */
export const CENTRES: ConfigObject = { pe_temperatureH: 10000, pe_temperatureW: 10000, pe_offset: -0.5 };

/** How a program prepares images and cuts boxes, as keys of a configuration. */
export const PREPARATION: Readonly<Record<"official" | "detrex" | "mmdet", ConfigObject>> = {
  official: {},
  detrex: { resize_rule: "detectron2", exif_orientation: true, clip_boxes: true },
  mmdet: { resize_rule: "mmdetection", resize_filter: "opencv", exif_orientation: true, clip_boxes: true },
};
