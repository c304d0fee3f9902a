/** Which image ids detections go by: those of an annotation file that lists the images, where there is one. */
import { DinogradError } from "../../engine/errors.ts";
import { counted } from "../../engine/counted.ts";
import { parseCocoFile } from "../data/coco_file.ts";
import { readBytes } from "../../platform/whole_files.ts";
import { ImageIds } from "../data/image_ids.ts";

/**
 * Ids of images by their paths: of `imagesOf`, which must list all of them, or of the file that names the classes if it is
 * an annotation file that lists all of them; else none.
 * @throws DinogradError of kind "data" where `imagesOf` is no annotation file or lacks an image
 */
export async function idsOfImages(
  paths: readonly string[],
  { imagesOf, classNames }: { readonly imagesOf: string | null; readonly classNames: string | null },
): Promise<ReadonlyMap<string, number> | null> {
  const source = imagesOf ?? classNames;
  if (source === null) return null;
  const bytes = await readBytes(source);
  if (imagesOf === null && !listsImages(bytes)) return null;
  const ids = new ImageIds(parseCocoFile(bytes, source).images, { source });
  const found = new Map<string, number>();
  const [unlisted, taken] = [[] as string[], new Set<number>()];
  for (const path of paths) {
    const id = ids.of(path);
    if (id === undefined || taken.has(id)) {
      unlisted.push(path);
      continue;
    }
    taken.add(id);
    found.set(path, id);
  }
  if (unlisted.length === 0) return found;
  if (imagesOf === null) return null;
  const more = unlisted.length > 1 ? ` and ${counted(unlisted.length - 1, "other")}` : "";
  throw new DinogradError(
    "data",
    `${source}: expected an image of its own for each but found none for ${unlisted[0]}${more}`,
  );
}

/** Whether a file that names classes is an annotation file: lists of names and lines of text list no images. */
function listsImages(bytes: Uint8Array): boolean {
  try {
    const root: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof root === "object" && root !== null && "images" in root && Array.isArray(root.images);
  } catch {
    return false;
  }
}
