/** Puts an image's file into a new data set: as a copy, or as a link to where it lies. */
import { linkFile, readBytes, writeBytes } from "../../../platform/whole_files.ts";

/** How images get into the new folder. */
export interface PlaceOptions {
  /** Symbolic links to the originals instead of copies. Default false. */
  readonly link?: boolean;
  /** Called after each image. */
  readonly onImage?: () => void;
}

/** @throws DinogradError of kind "data" where one of the paths cannot be read or written */
export async function placeImage(from: string, to: string, { link = false, onImage }: PlaceOptions): Promise<void> {
  if (link) await linkFile(from, to);
  else await writeBytes(to, await readBytes(from));
  onImage?.();
}
