/**
 * What a run reads and writes beside its bundles goes through `RunFiles`, so that tests can bring files of their own. The
 * default is those of the system.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type TextFiles, textFiles } from "../../platform/text_files.ts";

/** How the files beside a run's bundles are reached. */
export type RunFiles = TextFiles;

/** The system's. */
export const runFiles: RunFiles = textFiles;

/**
 * The same files for records that a run can do without for a while: what cannot be added now is kept and added with what
 * comes next. Says so once, and once more when it has been made up for.
 */
export function patientFiles(files: RunFiles, warn: (line: string) => void): RunFiles {
  const waiting = new Map<string, string>();
  return {
    ...files,
    appendText(file, text) {
      const before = waiting.get(file);
      const all = (before ?? "") + text;
      try {
        files.appendText(file, all);
      } catch (error) {
        if (!(error instanceof DinogradError)) throw error;
        if (before === undefined) warn(`${error.message}; training continues, its lines are kept and added later`);
        waiting.set(file, all);
        return;
      }
      if (before !== undefined) warn(`${file}: the lines that could not be added are in it now`);
      waiting.delete(file);
    },
  };
}
