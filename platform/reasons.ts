/**
 * Why an operation on a file failed, in the words of a message: one table for everything that touches files. A reason is a
 * clause that follows "but": `a.png: expected to read it but permission is denied`.
 */
import { NO_FILES } from "./builtin_modules.ts";
import { DinogradError, type ErrorKind } from "./errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission is denied",
  EPERM: "it is not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
  ENOTEMPTY: "there is something in it",
  EEXIST: "there is a file of that name",
  ELOOP: "it is a link or no file of its own, which is not followed: remove it",
  ENOSPC: "no space is left",
  EDQUOT: "the disk quota is used up",
  EFBIG: "no larger file is allowed",
  EROFS: "the disk is read-only",
  ENAMETOOLONG: "its name is too long",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  [NO_FILES]: "this platform has no files",
};

/** The system's code of a failed operation (`ENOENT`, `ENOSPC`, …), or "" where it has none. */
export function errorCode(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") {
    return error.code;
  }
  return "";
}

/** What a system error says, in one line without its stack. */
export function errorText(error: unknown): string {
  // A thrown value that is no error has no words of its own: its kind must do.
  return error instanceof Error ? error.message.split("\n")[0] : `an error of type ${typeof error}`;
}

/** Why a file operation failed, as a clause; what the system says where the table does not know it. */
export function reasonOf(cause: unknown): string {
  return REASONS[errorCode(cause)] ?? errorText(cause);
}

/** The error to tell a user with: `place: expected to <task> but <reason>`. An error that is one already stays as it is. */
export function fileError(
  kind: ErrorKind,
  { place, task, cause }: { readonly place: string; readonly task: string; readonly cause: unknown },
): DinogradError {
  if (cause instanceof DinogradError) return cause;
  return new DinogradError(kind, `${place}: expected to ${task} but ${reasonOf(cause)}`, { cause });
}
