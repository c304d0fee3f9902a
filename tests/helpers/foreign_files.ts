/**
 * Files in the names of other programs, made from official ones: an account of those names that knows nothing of the tables in
 * `detector/weights/layouts/`, so that a wrong rule there does not fit.
 */

export type ForeignProgram = "detrex" | "mmdet" | "co-dino";

/** A tensor whose values may be made in another order. */
export interface ForeignTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface Model {
  readonly program: ForeignProgram;
  /** Layers of the decoder, whose number is that of the encoder's heads. */
  readonly layers: number;
  /** Maps that the backbone gives. */
  readonly outputs: number;
}

/** The names of an official tensor elsewhere; none where there is no such tensor. */
export function foreignNames(official: string, model: Model): string[] {
  const words = official.split(".");
  const last = words[words.length - 1];
  if (words[0] === "backbone") return backboneNames(words, model.program);
  if (words[0] === "input_proj") return neckNames(words, model);
  if (words[0] === "label_enc") {
    const table = {
      detrex: "label_enc",
      mmdet: "dn_query_generator.label_embedding",
      "co-dino": "query_head.dn_generator.label_embedding",
    };
    return [`${table[model.program]}.${last}`];
  }
  const isHead = words.some((word) => word.endsWith("class_embed") || word.endsWith("bbox_embed"));
  return isHead ? headNames(words, model) : [transformerName(words.slice(1), model.program)];
}

/** The three layers of the heads for boxes have a ReLU after each but the last in a Sequential, which counts too. */
function headNames(words: readonly string[], { program, layers }: Model): string[] {
  const isOfEncoder = words[1]?.startsWith("enc_out");
  // The decoder has the same heads under its own name.
  if (words[1] === "decoder" && program !== "detrex") return [];
  const rest = words.slice(words[0] === "transformer" ? (words[1] === "decoder" ? 2 : 1) : 0);
  const isBox = rest[0].endsWith("bbox_embed");
  const number = isOfEncoder ? layers : Number(rest[1]);
  const inner = rest.slice(isOfEncoder ? 1 : 2);
  if (program === "detrex") {
    const name = [isBox ? "bbox_embed" : "class_embed", number, ...inner].join(".");
    if (words[1] === "decoder") return [`transformer.decoder.${name}`];
    return isOfEncoder ? [name, `transformer.decoder.${name}`] : [name];
  }
  const head = program === "mmdet" ? "bbox_head" : "query_head";
  const own = isBox ? [2 * Number(inner[1]), inner[2]] : inner;
  return [[head, isBox ? "reg_branches" : "cls_branches", number, ...own].join(".")];
}

function neckNames([, index, part, kind]: readonly string[], { program, outputs }: Model): string[] {
  if (program !== "detrex" && part === "0" && kind === "bias") return [];
  const at = Number(index);
  const place = at < outputs ? `neck.convs.${at}` : `neck.extra_convs.${at - outputs}`;
  return [`${place}.${part === "0" ? "conv" : program === "detrex" ? "norm" : "gn"}.${kind}`];
}

function transformerName(words: readonly string[], program: ForeignProgram): string {
  const [first, ...rest] = words;
  const front = { detrex: "transformer.", mmdet: "", "co-dino": "query_head.transformer." }[program];
  if (first === "level_embed") return front + (program === "mmdet" ? "level_embed" : "level_embeds");
  if (first === "tgt_embed") {
    return front + { detrex: "tgt_embed", mmdet: "query_embedding", "co-dino": "query_embed" }[program] + ".weight";
  }
  if (first === "enc_output" && program === "mmdet") return `memory_trans_fc.${rest[0]}`;
  if (first === "enc_output_norm" && program === "mmdet") return `memory_trans_norm.${rest[0]}`;
  if (first !== "encoder" && first !== "decoder") return front + words.join(".");
  if (rest[0] === "ref_point_head" && program === "co-dino") {
    return `${front}decoder.ref_point_head.${rest[2] === "1" ? 2 : 0}.${rest[3]}`;
  }
  if (rest[0] !== "layers") return front + words.join(".");
  const [, layer, part, ...inner] = rest;
  return `${front}${first}.layers.${layer}.${layerPart(first, [part, ...inner], program)}`;
}

/** A layer of the decoder attends to itself and then to the image, and normalises after each, and at the end. */
function layerPart(coder: "encoder" | "decoder", [part, ...inner]: readonly string[], program: ForeignProgram): string {
  const rest = inner.join(".");
  const isMmdet = program === "mmdet";
  switch (part) {
    case "norm1":
      return `norms.${coder === "encoder" ? 0 : 1}.${rest}`;
    case "norm2":
      return `norms.${coder === "encoder" ? 1 : 0}.${rest}`;
    case "norm3":
      return `norms.2.${rest}`;
    case "linear1":
      return `${isMmdet ? "ffn" : "ffns.0"}.layers.0.0.${rest}`;
    case "linear2":
      return `${isMmdet ? "ffn" : "ffns.0"}.layers.1.${rest}`;
    case "self_attn":
      return `${isMmdet ? "self_attn" : "attentions.0"}.${coder === "decoder" ? "attn." : ""}${rest}`;
    case "cross_attn":
      return `${isMmdet ? "cross_attn" : "attentions.1"}.${rest}`;
  }
  throw new Error(`foreignNames: expected a part of a layer but found ${part}`);
}

function backboneNames(words: readonly string[], program: ForeignProgram): string[] {
  const isResNet = words[2] === "body";
  const plain = words.slice(isResNet ? 3 : 2);
  if (!isResNet && program !== "detrex" && plain[0] !== "stages" && plain[0] !== "downsample_layers") {
    return [`backbone.${mmdetSwin(plain.join("."))}`];
  }
  if (!isResNet || program !== "detrex") return [`backbone.${plain.join(".")}`];
  return [`backbone.${detectronResNet(plain)}`];
}

function mmdetSwin(name: string): string {
  return name.replace("patch_embed.proj.", "patch_embed.projection.").replace(/^layers\./, "stages.")
    .replace(".attn.", ".attn.w_msa.").replace(".mlp.fc1.", ".ffn.layers.0.0.").replace(".mlp.fc2.", ".ffn.layers.1.");
}

function detectronResNet([first, second, third, ...rest]: readonly string[]): string {
  if (first === "conv1") return `stem.conv1.${second}`;
  if (first === "bn1") return `stem.conv1.norm.${second}`;
  const block = `res${Number(first.slice(-1)) + 1}.${second}`;
  if (third === "downsample") return `${block}.shortcut.${rest[0] === "0" ? rest[1] : `norm.${rest[1]}`}`;
  return third.startsWith("bn") ? `${block}.conv${third.slice(-1)}.norm.${rest[0]}` : [block, third, ...rest].join(".");
}

/** Whether MMDetection keeps the values of a tensor in another order: where patches are merged. */
export const isMerged = (official: string, program: ForeignProgram) =>
  program !== "detrex" && /\.downsample\.(reduction|norm)\.(weight|bias)$/.test(official);

/**
 * The official order of merged patches as Unfold gives them: channel by channel, and in each its 2 x 2 pixels along rows. The
 * official order is map by map: upper left, lower left, upper right, lower right.
 */
export function unfolded({ shape, data }: ForeignTensor): ForeignTensor {
  const row = shape[shape.length - 1];
  const channels = row / 4;
  const result = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += row) {
    for (let channel = 0; channel < channels; channel++) {
      for (let dy = 0; dy < 2; dy++) {
        for (let dx = 0; dx < 2; dx++) {
          result[start + channel * 4 + dy * 2 + dx] = data[start + (dx * 2 + dy) * channels + channel];
        }
      }
    }
  }
  return { shape, data: result };
}
