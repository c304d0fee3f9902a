import { yours } from "./exercise.ts";

/** The bytes of float32 numbers as four planes, one after the other: all first bytes, all second ones, and so on. */
export function split(bytes: Uint8Array): Uint8Array {
  return yours();
}

/** And back. */
export function join(planes: Uint8Array): Uint8Array {
  return yours();
}
