/** The commands' reading and writing of small files, with errors that name them. */
import { DinogradError } from "../../engine/errors.ts";

/** The text of a file. @throws DinogradError("data") that says why it cannot be read. */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new DinogradError("data", `${path}: expected a readable file but found ${reasonOf(cause)}`, { cause });
  }
}

export async function writeText(path: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, text);
  } catch (cause) {
    throw new DinogradError("data", `${path}: expected to write a file but ${reasonOf(cause)}`, { cause });
  }
}

/** Whether there is something at the path. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Whether there is a folder at the path. */
export async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isDirectory, () => false);
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "none";
  if (cause instanceof Deno.errors.PermissionDenied) return "no permission for it";
  if (cause instanceof Deno.errors.IsADirectory) return "a folder";
  return cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
}
