/** All verbs: one line about each, and how to load its file when it is called. */
import type { Verb } from "./command.ts";

export interface VerbEntry {
  readonly about: string;
  // The flags' type is each file's own affair; they come from the very parser that the file declares.
  // deno-lint-ignore no-explicit-any
  readonly load: () => Promise<Verb<any>>;
}

export const VERBS: Readonly<Record<string, VerbEntry>> = {
  eval: {
    about: "COCO average precision of a checkpoint, or of two files",
    load: async () => (await import("./eval.ts")).evalVerb,
  },
};
