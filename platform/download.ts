/** Handing a file to the person in front of a page, which cannot write to a disk. */
import { DinogradError } from "./errors.ts";

/** What is used of a page's document. */
interface Page {
  createElement(name: "a"): { href: string; download: string; click(): void };
}

/** Long enough for a browser to begin reading what it was given. */
const PATIENCE = 60_000; // ms

/**
 * Has the browser save bytes under a name, as a download.
 * @throws {DinogradError} of kind "usage" where there is no page
 * @category Files
 */
export function saveAsDownload(name: string, bytes: Uint8Array<ArrayBuffer> | ArrayBuffer | Blob): void {
  const { document: page } = globalThis as { document?: Page };
  if (page === undefined) throw new DinogradError("usage", `${name}: expected a page to save it from but found none`);
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const link = page.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), PATIENCE);
}
