import { concat } from "@std/bytes";

/** All parts, one behind the other. */
export const joinBytes = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => concat(parts);
