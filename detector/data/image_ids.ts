/**
 * The id that an annotation file gives an image, found by the name of its file: what is detected are files, what is
 * evaluated are ids.
 */
import { DinogradError } from "../../engine/errors.ts";

/** What an annotation file says of an image. */
interface NamedImage {
  /** What annotations and detections refer to. */
  readonly id: number;
  /** Relative to a folder that the annotation file does not name; with slashes of either kind. */
  readonly file_name: string;
}

/** Ids by the paths of files. */
export class ImageIds {
  readonly #byBase = new Map<string, { readonly id: number; readonly parts: readonly string[] }[]>();

  /**
   * @param options.source the annotation file, for the error
   * @throws DinogradError of kind "data" where two images have one name
   */
  constructor(images: Iterable<NamedImage>, { source }: { readonly source: string }) {
    const seen = new Set<string>();
    for (const { id, file_name: name } of images) {
      const parts = partsOf(name);
      const key = parts.join("/");
      if (seen.has(key)) {
        throw new DinogradError(
          "data",
          `${source}: expected file names to differ but found ${JSON.stringify(name)} twice`,
        );
      }
      seen.add(key);
      const base = parts.at(-1) ?? "";
      this.#byBase.set(base, [...this.#byBase.get(base) ?? [], { id, parts }]);
    }
  }

  /**
   * The id of the image whose name is the end of the path, by whole folders (`data/val2017/a/1.jpg` is `a/1.jpg`); of the
   * longest where several are. Where none is, of the one image whose name ends with the path.
   */
  of(path: string): number | undefined {
    const parts = partsOf(path);
    const candidates = this.#byBase.get(parts.at(-1) ?? "") ?? [];
    const ends = candidates.filter((image) => isEnd(image.parts, parts));
    if (ends.length > 0) return ends.reduce((a, b) => b.parts.length > a.parts.length ? b : a).id;
    const longer = candidates.filter((image) => isEnd(parts, image.parts));
    return longer.length === 1 ? longer[0].id : undefined;
  }
}

/** The folders of a path and its file's name, without those that lead nowhere. */
function partsOf(path: string): string[] {
  return path.split(/[/\\]+/).filter((part) => part !== "" && part !== "." && part !== "..");
}

function isEnd(end: readonly string[], whole: readonly string[]): boolean {
  return end.length <= whole.length && end.every((part, at) => part === whole[whole.length - end.length + at]);
}
