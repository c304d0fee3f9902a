/** Which image files a list of files, folders and patterns means, in an order that is the same everywhere. */

import { globToRegExp, isGlob, joinGlobs } from "@std/path";
import { isLink, kindOf, listFolder } from "../../platform/whole_files.ts";

/** A path to try, or an argument that led to none. */
type ImagePath =
  | { readonly path: string; readonly problem?: undefined }
  | { readonly path: string; readonly problem: string };

/** Paths to try, and what in a folder is an image by its name and of a kind that cannot be read. */
interface ImagePaths {
  readonly paths: readonly ImagePath[];
  readonly skipped: readonly string[];
}

/** What can be read, for messages. */
export const IMAGE_KINDS = "JPEG, PNG, WebP, BMP or TIFF";
const IMAGE_NAME = /\.(jpe?g|jpe|jfif|png|webp|bmp|dib|tiff?)$/i;
/** Images of other kinds; of these alone people wonder where they are, not of notes and annotations. */
const OTHER_IMAGE = /\.(gif|avif|heic|heif|jp2|j2k|jxl|ppm|pgm|pbm|tga|svg|psd|dng|cr2|nef|arw)$/i;

const VIDEO_NAME = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|mts|m2ts|ts|wmv|flv|3gp|ogv)$/i;

/** Whether a file is a video by its name. */
export const isVideoName = (name: string): boolean => VIDEO_NAME.test(name);

/** Whether a file is an image by its name, of a kind that can be read. */
export const isImageName = (name: string): boolean => IMAGE_NAME.test(name);

/** The argument that means one image from standard input. */
export const STANDARD_INPUT = "-";

/**
 * Expands arguments in their order: a folder to the images in it, with `recursive` also to those of the folders in it
 * (links to folders are not followed: they may lead back), a pattern (`*`, `?`, `[a-z]`, `{a,b}`, `**`) to the files
 * that match, each sorted by code unit. A file is named once even if several arguments mean it.
 */
export async function expandImagePaths(
  args: readonly string[],
  { recursive = false }: { readonly recursive?: boolean } = {},
): Promise<ImagePaths> {
  const found = new Map<string, ImagePath>();
  const skipped = new Set<string>();
  for (const arg of args) {
    for (const entry of await expand(arg, { skipped, recursive })) {
      if (!found.has(entry.path)) found.set(entry.path, entry);
    }
  }
  return { paths: [...found.values()], skipped: [...skipped].filter((path) => !found.has(path)) };
}

async function expand(
  arg: string,
  { skipped, recursive }: { readonly skipped: Set<string>; readonly recursive: boolean },
): Promise<ImagePath[]> {
  if (arg === STANDARD_INPUT) return [{ path: arg }];
  const kind = await kindOf(arg);
  if (kind === "file") return [{ path: arg }]; // also where its name looks like a pattern
  if (kind === "folder") {
    const paths: string[] = [];
    for await (const path of filesIn(arg.replace(/(?<=.)\/+$/, ""), { recursive })) {
      if (IMAGE_NAME.test(path)) paths.push(path);
      else if (OTHER_IMAGE.test(path) || VIDEO_NAME.test(path)) skipped.add(path);
    }
    return paths.length > 0
      ? paths.sort().map((path) => ({ path }))
      : [{ path: arg, problem: `${arg}: expected a folder with ${IMAGE_KINDS} files but found none` }];
  }
  if (!isGlob(arg)) return [{ path: arg, problem: `${arg}: expected to read it but there is no such file or folder` }];
  const paths = await matching(arg);
  return paths.length > 0
    ? paths.map((path) => ({ path }))
    : [{ path: arg, problem: `${arg}: expected files that match but found none` }];
}

async function* filesIn(folder: string, { recursive }: { readonly recursive: boolean }): AsyncGenerator<string> {
  for (const name of await listFolder(folder)) {
    const path = `${folder}/${name}`;
    if (!recursive || await kindOf(path) !== "folder") yield path;
    else if (!await isLink(path)) yield* filesIn(path, { recursive });
  }
}

/**
 * Files that match a pattern, below the folders that come before its first wildcard. `glob` of `node:fs` does it too, but not
 * in Node 20, and it says nothing of a folder that cannot be read.
 */
async function matching(pattern: string): Promise<string[]> {
  const parts = pattern.split("/");
  const fixed = parts.findIndex(isGlob);
  const root = parts.slice(0, fixed).join("/");
  const expression = globToRegExp(joinGlobs([pattern], { globstar: true }), { globstar: true });
  const deep = parts.some((part) => part.includes("**"));
  const paths: string[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    for (const name of await listFolder(folder === "" ? (pattern.startsWith("/") ? "/" : ".") : folder)) {
      const path = folder === "" && !pattern.startsWith("/") ? name : `${folder}/${name}`;
      const isFolder = await kindOf(path) === "folder";
      if (isFolder && (deep || depth < parts.length - 1)) await visit(path, depth + 1);
      else if (!isFolder && expression.test(path)) paths.push(path);
    }
  };
  await visit(root, fixed);
  return paths.sort();
}
