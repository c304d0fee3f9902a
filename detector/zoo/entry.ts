/** What is known of a published checkpoint, and what that amounts to for a model. */
import { type ConfigObject, type DinoConfig, preset, type PresetName, resolveConfig } from "../config/mod.ts";
import { type ClassName, cocoClasses } from "../weights/mod.ts";

/** By whose names a file calls its tensors. */
type WeightsLayout = "official" | "detrex" | "mmdet" | "co-dino";

/** How the program that trained a model prepares images; see `PREPROCESSING`. */
type Preprocessing = "official" | "detrex" | "mmdet";

/** Something about an entry that nobody of this project has looked at. */
export type Unchecked =
  /** That there is a file at the address. */
  | "address"
  /** That the file has the digest in its name. */
  | "digest"
  /** How large the file is, which may hold more than weights. */
  | "size"
  /** What else the file holds. */
  | "contents"
  /** That this program reaches the published AP with it. */
  | "ap";

/** A published checkpoint: data alone. */
export interface ZooEntry {
  /** What it is called here. */
  readonly name: string;
  /** The model and its training in a few words. */
  readonly about: string;
  /** Where the file is. */
  readonly url: string;
  /** By whose names the file calls its tensors. */
  readonly layout: WeightsLayout;
  /** The configuration that its own grows out of. */
  readonly preset: PresetName;
  /** What is different from that, but for the preparation of images. */
  readonly changes: ConfigObject;
  /** Which program's preparation of images belongs to it. */
  readonly preprocessing: Preprocessing;
  /** Which classes it knows: COCO's 80, each a row of the file's heads, which become the rows of their category ids. */
  readonly classes: "coco";
  /** Box AP on COCO val2017 in percent, as published. */
  readonly ap: number;
  /** Millions of bytes of its weights in float32, computed from shapes; null where the file certainly holds more. */
  readonly megabytes: number | null;
  /** That of the project that published it, for its code; none states another for weights. Null where none is stated. */
  readonly licence: string | null;
  /** The page that it is published on. */
  readonly source: string;
  /** The first hexadecimal digits of the file's SHA-256; null where nobody has published it. */
  readonly digest: string | null;
  /** What is taken from the source and has not been looked at by this project. */
  readonly unchecked: readonly Unchecked[];
  /** What else one should know. */
  readonly note?: string;
}

/** The preparation of images and the cut of boxes of other programs, as keys of a configuration. */
const PREPROCESSING: Readonly<Record<Preprocessing, ConfigObject>> = {
  official: {},
  detrex: { resize_rule: "detectron2", exif_orientation: true, clip_boxes: true },
  mmdet: { resize_rule: "mmdetection", resize_filter: "opencv", exif_orientation: true, clip_boxes: true },
};

/** The complete configuration of an entry. */
export function configOfEntry({ name, preset: base, changes, preprocessing }: ZooEntry): DinoConfig {
  const given = { ...changes, ...PREPROCESSING[preprocessing] };
  return resolveConfig(given, { source: name, base: preset(base) }).config;
}

const CLASSES: Readonly<Record<ZooEntry["classes"], () => ClassName[]>> = { coco: cocoClasses };

/** The classes of an entry by category id. */
export function classesOfEntry({ classes }: ZooEntry): readonly ClassName[] {
  return CLASSES[classes]();
}

/** Keys that weights need and do not show: with other values all of them load, and boxes just get worse. */
const UNSEEN = ["pe_temperatureH", "pe_temperatureW", "pe_offset"] as const;

/** One line where a configuration would spoil an entry's weights unnoticed; undefined where it would not. */
export function unseenMismatch(entry: ZooEntry, config: DinoConfig): string | undefined {
  const own = configOfEntry(entry);
  const differing = UNSEEN.filter((key) => own[key] !== config[key]);
  if (differing.length === 0) return undefined;
  const list = (from: DinoConfig) => differing.map((key) => `${key}=${from[key]}`).join(" ");
  return `${entry.name} was trained with ${list(own)}, and the configuration has ${
    list(config)
  }: its weights are of little ` +
    "use with that";
}
