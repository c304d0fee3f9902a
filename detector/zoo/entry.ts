/** What is known of a published checkpoint, and what that amounts to for a model. */
import { type ConfigObject, type DinoConfig, preset, type PresetName, resolveConfig } from "../config/mod.ts";
import { type ClassName, cocoClasses, type LayoutName, PREPARATION } from "../weights/mod.ts";

/** How the program that trained a model prepares images; see `PREPARATION`. */
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
  readonly layout: LayoutName | "official";
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

/** The complete configuration of an entry. */
export function configOfEntry({ name, preset: base, changes, preprocessing }: ZooEntry): DinoConfig {
  const given = { ...changes, ...PREPARATION[preprocessing] };
  return resolveConfig(given, { source: name, base: preset(base) }).config;
}

const CLASSES: Readonly<Record<ZooEntry["classes"], () => ClassName[]>> = { coco: cocoClasses };

/** The classes of an entry by category id. */
export function classesOfEntry({ classes }: ZooEntry): readonly ClassName[] {
  return CLASSES[classes]();
}
