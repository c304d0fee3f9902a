/**
 * A model that is ready, with everything that one of its detections is described by: what `detect`, its watch over a
 * folder, videos and the server have in common.
 */
import { describeNonfinite } from "../../checkpoint/mod.ts";
import type { Device } from "../../engine/device/device.ts";
import { DinogradError } from "../../engine/errors.ts";
import { inUnit } from "../../engine/profile/profiled_device.ts";
import type { DetectOptions, LookKind, RunUi } from "../config/mod.ts";
import { readBytes } from "../../platform/whole_files.ts";
import { transformsOf } from "../data/configured_transforms.ts";
import { decodeImage, type DecodeOptions, type Image, readImage, readStandardImage } from "../data/mod.ts";
import type { AnnotatedFile } from "../draw/mod.ts";
import { drawOver } from "../draw/overlay.ts";
import { type ClassName, nonfiniteWeights, parseClassList } from "../weights/mod.ts";
import { detectImages } from "./detect_image.ts";
import { describeDetections, type Detection } from "./detection.ts";
import { STANDARD_INPUT } from "./image_paths.ts";
import type { LoadedModel, OpenModel } from "./load_model.ts";
import { lookInside } from "./look/inside.ts";
import { lookParts } from "./look/pictures.ts";
import type { ResultContext } from "./result_files.ts";

/** An image with the name by which messages call it, usually its path. */
export interface NamedImage {
  readonly name: string;
  readonly image: Image;
}

/** What was found in an image, best first, or why it is of no use to the model. */
type Outcome =
  | { readonly detections: readonly Detection[]; readonly problem?: undefined }
  | { readonly problem: string; readonly isNonfinite: boolean };

/** The settings that a `Detector` stands on. */
type DetectorOptions =
  & Pick<DetectOptions, "threshold" | "exifOrientation" | "maxImagePixels" | "tile" | "batchSize">
  & {
    /** How messages call the checkpoint. */
    readonly checkpoint: string;
  };

/** Detects with one model, in one way. Dispose of it when done. */
export class Detector implements Disposable {
  readonly #loaded: LoadedModel;
  readonly #options: DetectorOptions;
  readonly #transforms;

  /** Loads the model and says by which names objects are called, where the checkpoint does not. */
  static async load(
    opened: OpenModel,
    { device, options, ui }: {
      readonly device: Device;
      readonly options: DetectorOptions;
      readonly ui: RunUi;
    },
  ): Promise<Detector> {
    const loaded = await opened.load({ device, ui });
    tellNames(loaded, ui);
    return new Detector(loaded, options);
  }

  private constructor(loaded: LoadedModel, options: DetectorOptions) {
    this.#loaded = loaded;
    this.#options = options;
    const { config } = loaded;
    const exifOrientation = options.exifOrientation || config.exif_orientation;
    this.#transforms = transformsOf({ ...config, exif_orientation: exifOrientation }, false);
  }

  /** What files of other formats say besides what was found. */
  get context(): ResultContext {
    return { classes: this.#loaded.classes, rows: this.#loaded.config.num_classes };
  }

  /** Whether images are turned upright by their Exif orientation. */
  get exifOrientation(): boolean {
    return this.#transforms.exifOrientation ?? false;
  }

  /** Reads an image file, or standard input where the path is `-`. Throws as `readImage`. */
  async read(path: string): Promise<Image> {
    return path === STANDARD_INPUT ? await readStandardImage(this.#reading()) : await readImage(path, this.#reading());
  }

  /** Decodes the bytes of an image file. Throws as `decodeImage`. */
  async decode(bytes: Uint8Array, name: string): Promise<Image> {
    return await decodeImage(bytes, { name, ...this.#reading() });
  }

  /**
   * Detects in images, `batchSize` at a time; one that is of no use does not stop the others.
   * @param threshold least score, instead of that of the options
   * @throws DinogradError of kind "nonfinite" where the weights are not finite: then no image would give anything
   */
  async find(
    images: readonly NamedImage[],
    { threshold = this.#options.threshold }: { readonly threshold?: number } = {},
  ): Promise<Outcome[]> {
    const { model, config } = this.#loaded;
    const { tile, batchSize } = this.#options;
    const options = { config, transforms: this.#transforms, tile, batchSize };
    const naming = { threshold, classes: this.#loaded.classes };
    try {
      const pixels = images.map(({ image }) => image);
      const found = await inUnit(model.device, "batch", () => detectImages(model, pixels, options));
      return found.map((one) => ({ detections: describeDetections(one, naming) }));
    } catch (error) {
      if (!(error instanceof DinogradError) || !IMAGES_FAULT.has(error.kind)) throw error;
      if (images.length === 1) return [await this.#problem(error, images[0].name)];
    }
    const outcomes: Outcome[] = [];
    for (const image of images) outcomes.push(...await this.find([image], { threshold })); // which one is it?
    return outcomes;
  }

  /**
   * Pictures of what the model does with an image (the whole of it, also where it is detected in by tiles), one for each kind.
   * @param query the one to show, or null for the best
   * @throws DinogradError of kind "usage" where the model has no such query
   */
  async look(image: Image, { kinds, query }: { readonly kinds: readonly LookKind[]; readonly query: number | null }) {
    const { model, config } = this.#loaded;
    if (query !== null && query >= config.num_queries) {
      throw new DinogradError(
        "usage",
        `--query: expected a query from 0 to ${config.num_queries - 1} but found ${query}`,
      );
    }
    const inside = await lookInside(model, image, { config, transforms: this.#transforms });
    const nameOf = (label: number) => this.#loaded.classes.find(({ id }) => id === label)?.name ?? `class ${label}`;
    const pictures: { readonly kind: LookKind; readonly file: AnnotatedFile }[] = [];
    for (const kind of kinds) {
      const parts = lookParts(kind, inside, { query: query ?? undefined, nameOf });
      pictures.push({ kind, file: await drawOver(image, parts) });
    }
    return pictures;
  }

  /** Gives up the model. */
  [Symbol.dispose](): void {
    this.#loaded.model.dispose();
  }

  #reading(): Omit<DecodeOptions, "name"> {
    return { exifOrientation: this.exifOrientation, maxPixels: this.#options.maxImagePixels };
  }

  /** Outputs that are no numbers come of the image alone, or of weights: then no image would give others. */
  async #problem(error: DinogradError, name: string): Promise<Outcome> {
    if (error.kind !== "nonfinite") return { problem: named(error.message, name), isNonfinite: false };
    const message = named(error.message, name);
    const found = await nonfiniteWeights(this.#loaded.model);
    if (found.length > 0) {
      const { checkpoint } = this.#options;
      throw new DinogradError("nonfinite", `${message}; ${checkpoint}: ${describeNonfinite(found)}`);
    }
    return { problem: `${message}, though all weights are finite`, isNonfinite: true };
  }
}

/** Kinds of errors that another image would not give: its size does not fit the model, or its outputs are no numbers. */
const IMAGES_FAULT: ReadonlySet<string> = new Set(["data", "config", "nonfinite"]);

/** The message, with the image's name before it unless it is in it. */
export function named(message: string, name: string): string {
  return message.includes(name) ? message : `${name}: ${message}`;
}

/** Names of classes from a file. Throws as `parseClassList`, and where it cannot be read. */
export async function readClassNames(path: string | null): Promise<ClassName[] | null> {
  return path === null ? null : parseClassList(new TextDecoder().decode(await readBytes(path)), path);
}

/** Says by which names objects are called where the checkpoint does not say it. */
export function tellNames({ classes, classesFrom, config: { num_classes: rows } }: LoadedModel, ui: RunUi): void {
  const beyond = classesFrom === "options" ? classes.find(({ id }) => id >= rows) : undefined;
  if (beyond) {
    ui.warn(
      `--classes: expected ids of the model's classes, 0 to ${rows - 1}, but found ${beyond.id} (${beyond.name})`,
    );
  }
  if (classesFrom === "options" || classesFrom === "checkpoint") return;
  ui.say(
    classesFrom === "COCO"
      ? "the checkpoint names no classes: they are called as COCO's; --classes FILE names them otherwise"
      : "the checkpoint names no classes: they are called by their numbers; --classes FILE names them",
  );
}
