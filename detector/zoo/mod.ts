/** Checkpoints that others have published: what is known of each, and how it gets here. */
export { DEFAULT_ENTRY, ENTRIES } from "./entries.ts";
export { classesOfEntry, configOfEntry, type ZooEntry } from "./entry.ts";
export { checkpointOrDefault, entryOf, entryOfFile, fetchOptions, findCheckpoint, type FindOptions } from "./find.ts";
export { canBe, type Checkpoint, knownAs, openCheckpoint } from "./open.ts";
export { sayAssumed, unseenMismatch } from "./unseen.ts";
