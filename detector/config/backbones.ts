/**
 * What is known of backbones before anything is computed: their measures, what a family of them can do, and under which
 * names they and their tensors were published. Checks of a configuration, the models, the counting of tokens and the
 * reading of weights all ask here. One more network of a known family is a name and an entry here; a new family is an
 * entry of {@link FAMILIES}, a class in `model/backbone/` and a line in its `build.ts`.
 */

/**
 * What tells one ResNet from another.
 *
 * @category Configuration
 */
export interface ResNetArchitecture {
  /** Tells it from the other families. */
  readonly kind: "resnet";
  /** Two 3 x 3 convolutions, or a 3 x 3 one between two that narrow and widen. */
  readonly block: "basic" | "bottleneck";
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Channels inside the blocks of each stage; after a bottleneck there are four times as many. */
  readonly widths: readonly number[];
  /**
   * Channels and window of the first convolution. With a 7 x 7 window pooling follows, and stem and first stage stay as
   * they are loaded; with a 3 x 3 one the first stage halves the resolution instead, and all is trained.
   */
  readonly stem: { readonly width: number; readonly kernel: 3 | 7 };
}

/**
 * What tells one Swin transformer from another.
 *
 * @category Configuration
 */
export interface SwinArchitecture {
  /** Tells it from the other families. */
  readonly kind: "swin";
  /** Features after the patch embedding; each later stage has twice as many. */
  readonly features: number;
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Attention heads per stage. */
  readonly heads: readonly number[];
  /** Side of a window, in tokens. */
  readonly window: number;
}

/**
 * What tells one ConvNeXt from another.
 *
 * @category Configuration
 */
export interface ConvNeXtArchitecture {
  /** Tells it from the other families. */
  readonly kind: "convnext";
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Features per stage. */
  readonly features: readonly number[];
}

/**
 * A network, by its measures.
 *
 * @category Configuration
 */
export type BackboneArchitecture = ResNetArchitecture | SwinArchitecture | ConvNeXtArchitecture;

/** What holds for all networks of a kind. */
interface BackboneFamily {
  /** As people write it. */
  readonly title: string;
  /** Whether the key `norm` chooses what normalises; else it is layer norms. */
  readonly hasNormChoice: boolean;
  /** Probability of leaving out the last block in training where none is configured; null: no block is ever left out. */
  readonly dropPathRate: number | null;
  /** Whether `backbone_frozen_stages` can freeze its stages. */
  readonly freezesStages: boolean;
  /** A side of the image or of a map in patches: whole ones alone, or the last one padded. */
  readonly inPatches: (patches: number) => number;
  /** Where its tensors stand among a detector's. */
  readonly prefix: string;
  /** The first tensor's name, after the prefix. */
  readonly stem: string;
  /** Names of tensors in blocks, with stage and block, after the prefix. */
  readonly block: RegExp;
}

/** The families, by the `kind` of an architecture. */
export const FAMILIES: Readonly<Record<BackboneArchitecture["kind"], BackboneFamily>> = {
  resnet: {
    ...{ title: "ResNet", hasNormChoice: true, dropPathRate: null, freezesStages: false, inPatches: Math.ceil },
    ...{ prefix: "backbone.0.body.", stem: "conv1.weight", block: /^layer(\d)\.(\d+)\./ },
  },
  swin: {
    ...{ title: "Swin", hasNormChoice: false, dropPathRate: 0.2, freezesStages: true, inPatches: Math.ceil },
    ...{ prefix: "backbone.0.", stem: "patch_embed.proj.weight", block: /^layers\.(\d)\.blocks\.(\d+)\./ },
  },
  convnext: {
    ...{ title: "ConvNeXt", hasNormChoice: false, dropPathRate: 0, freezesStages: false, inPatches: Math.floor },
    ...{ prefix: "backbone.0.", stem: "downsample_layers.0.0.weight", block: /^stages\.(\d)\.(\d+)\./ },
  },
};

/** One network, as configurations name it. */
interface BackboneEntry {
  /** As its authors call it; none where its measures are a user's. */
  readonly title?: string;
  /** Its measures; none where the keys `backbone_stem_width`, `backbone_widths` and `backbone_depths` give them. */
  readonly architecture?: BackboneArchitecture;
  /** The file in which the official code looks for pretrained weights. */
  readonly file?: string;
}

const resnet = (block: ResNetArchitecture["block"], depths: readonly number[]): ResNetArchitecture => ({
  ...{ kind: "resnet", block, depths, widths: [64, 128, 256, 512], stem: { width: 64, kernel: 7 } },
});

const swin = (features: number, depths: readonly number[], window: number): SwinArchitecture => ({
  ...{ kind: "swin", features, depths, window },
  heads: [1, 2, 4, 8].map((factor) => factor * features / 32),
});

const convNeXt = (features: number, depths: readonly number[]): ConvNeXtArchitecture => ({
  ...{ kind: "convnext", depths, features: [1, 2, 4, 8].map((factor) => factor * features) },
});

const convNeXtBase: ConvNeXtArchitecture = convNeXt(128, [3, 3, 27, 3]);
const convNeXtLarge: ConvNeXtArchitecture = convNeXt(192, [3, 3, 27, 3]);

/**
 * The name of a backbone in configurations. That of a transformer or a ConvNeXt says its size, the side of the images of
 * pretraining, and how many classes those had.
 *
 * @category Configuration
 */
export type BackboneName =
  | "resnet18"
  | "resnet50"
  | "resnet101"
  | "resnet_small"
  | "swin_T_224_1k"
  | "swin_S_224_1k"
  | "swin_B_224_22k"
  | "swin_B_384_22k"
  | "swin_L_224_22k"
  | "swin_L_384_22k"
  | "convnext_tiny_1k"
  | "convnext_small_1k"
  | "convnext_base_1k"
  | "convnext_base_22k"
  | "convnext_large_1k"
  | "convnext_large_22k"
  | "convnext_xlarge_22k";

/** The networks by those names. */
const BACKBONE_TABLE: Readonly<Record<BackboneName, BackboneEntry>> = {
  resnet18: { title: "ResNet-18", architecture: resnet("basic", [2, 2, 2, 2]) },
  resnet50: { title: "ResNet-50", architecture: resnet("bottleneck", [3, 4, 6, 3]) },
  resnet101: { title: "ResNet-101", architecture: resnet("bottleneck", [3, 4, 23, 3]) },
  resnet_small: {},
  swin_T_224_1k: {
    ...{ title: "Swin-T", architecture: swin(96, [2, 2, 6, 2], 7) },
    file: "swin_tiny_patch4_window7_224.pth",
  },
  swin_S_224_1k: {
    ...{ title: "Swin-S", architecture: swin(96, [2, 2, 18, 2], 7) },
    file: "swin_small_patch4_window7_224.pth",
  },
  swin_B_224_22k: {
    ...{ title: "Swin-B", architecture: swin(128, [2, 2, 18, 2], 7) },
    file: "swin_base_patch4_window7_224_22k.pth",
  },
  swin_B_384_22k: {
    ...{ title: "Swin-B", architecture: swin(128, [2, 2, 18, 2], 12) },
    file: "swin_base_patch4_window12_384.pth",
  },
  swin_L_224_22k: {
    ...{ title: "Swin-L", architecture: swin(192, [2, 2, 18, 2], 7) },
    file: "swin_large_patch4_window7_224_22k.pth",
  },
  swin_L_384_22k: {
    ...{ title: "Swin-L", architecture: swin(192, [2, 2, 18, 2], 12) },
    file: "swin_large_patch4_window12_384_22k.pth",
  },
  convnext_tiny_1k: {
    ...{ title: "ConvNeXt-T", architecture: convNeXt(96, [3, 3, 9, 3]) },
    file: "convnext_tiny_1k_224_ema.pth",
  },
  convnext_small_1k: {
    ...{ title: "ConvNeXt-S", architecture: convNeXt(96, [3, 3, 27, 3]) },
    file: "convnext_small_1k_224_ema.pth",
  },
  convnext_base_1k: { title: "ConvNeXt-B", architecture: convNeXtBase, file: "convnext_base_1k_224_ema.pth" },
  convnext_base_22k: { title: "ConvNeXt-B", architecture: convNeXtBase, file: "convnext_base_22k_224.pth" },
  convnext_large_1k: { title: "ConvNeXt-L", architecture: convNeXtLarge, file: "convnext_large_1k_224_ema.pth" },
  convnext_large_22k: { title: "ConvNeXt-L", architecture: convNeXtLarge, file: "convnext_large_22k_224.pth" },
  convnext_xlarge_22k: {
    ...{ title: "ConvNeXt-XL", architecture: convNeXt(256, [3, 3, 27, 3]) },
    file: "convnext_xlarge_22k_224.pth",
  },
};

/**
 * The feature extractors, by the names that configurations use: ResNets, Swin transformers, ConvNeXts.
 *
 * @category Configuration
 */
export const BACKBONES: readonly BackboneName[] = Object.keys(BACKBONE_TABLE) as readonly BackboneName[]; // the table has exactly these keys

/** Networks that no configuration has, whose weights are told from others by name. */
const FOREIGN: readonly Required<Omit<BackboneEntry, "file">>[] = [
  { title: "ResNet-34", architecture: resnet("basic", [3, 4, 6, 3]) },
  { title: "ResNet-152", architecture: resnet("bottleneck", [3, 8, 36, 3]) },
];

/** What a configuration says of its backbone's measures. */
interface BackboneMeasures {
  readonly backbone: BackboneName;
  readonly backbone_stem_width: number;
  readonly backbone_widths: readonly number[];
  readonly backbone_depths: readonly number[];
}

/** The network that a configuration names, or whose measures it gives. */
export function backboneArchitecture(config: BackboneMeasures): BackboneArchitecture {
  return BACKBONE_TABLE[config.backbone].architecture ?? {
    ...{ kind: "resnet", block: "basic", depths: config.backbone_depths, widths: config.backbone_widths },
    stem: { width: config.backbone_stem_width, kernel: 3 },
  };
}

/** The family of the network that a configuration names. */
export function backboneFamily(name: BackboneName): BackboneFamily {
  return FAMILIES[BACKBONE_TABLE[name].architecture?.kind ?? "resnet"];
}

/** Channels of all maps in a ResNet: inside its blocks and after them. */
export function resNetChannels({ block, widths, stem }: ResNetArchitecture): number[] {
  const outputs = widths.map((width) => block === "bottleneck" ? 4 * width : width);
  return [...new Set([stem.width, ...widths, ...outputs])];
}

/** The file of pretrained weights for it, as published; undefined where the official code knows none. */
export function pretrainedFileName(name: BackboneName): string | undefined {
  return BACKBONE_TABLE[name].file;
}

/** What names and shapes of tensors tell of a network, in words: "bottleneck 64: 3, 4, 6, 3". */
export function backboneOutline(
  { block, channels, depths }: {
    /** "basic", "bottleneck", or the family's title. */
    readonly block: string;
    /** After the stem. */
    readonly channels: number | undefined;
    /** Blocks per stage. */
    readonly depths: readonly number[];
  },
): string {
  return `${block} ${channels}: ${depths.join(", ")}`;
}

/** Published networks by their outlines. */
export function publishedBackbones(): ReadonlyMap<string, string> {
  const known = [...Object.values(BACKBONE_TABLE), ...FOREIGN];
  return new Map(
    known.flatMap(({ title, architecture }) =>
      title !== undefined && architecture !== undefined ? [[outlineOf(architecture), title]] : []
    ),
  );
}

/** The name of the first network with that outline and, where it has windows, windows of that side; undefined for none. */
export function backboneNamed(outline: string | undefined, window?: number): BackboneName | undefined {
  return BACKBONES.find((name) => {
    const { architecture } = BACKBONE_TABLE[name];
    if (architecture === undefined || outlineOf(architecture) !== outline) return false;
    return architecture.kind !== "swin" || architecture.window === window;
  });
}

function outlineOf(architecture: BackboneArchitecture): string {
  const { kind, depths } = architecture;
  const block = kind === "resnet" ? architecture.block : FAMILIES[kind].title;
  const channels = kind === "resnet" ? architecture.stem.width : [architecture.features].flat()[0];
  return backboneOutline({ block, channels, depths });
}
