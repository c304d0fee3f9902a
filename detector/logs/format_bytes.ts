/** Sizes for people. */
import { format } from "@std/fmt/bytes";

/** A size in bytes, in the binary unit that suits it: `1,023 B`, `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  // The same in every country; and IEC 80000-13 writes Ki, where the library has the k of thousands.
  return format(bytes, { binary: true, locale: "en-US", maximumFractionDigits: 1 }).replace("kiB", "KiB");
}
