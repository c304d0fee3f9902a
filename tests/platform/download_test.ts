/** A download, with a page that only notes what is asked of it. */
import { assertEquals, assertThrows } from "@std/assert";
import { DinogradError } from "../../platform/errors.ts";
import { saveAsDownload } from "../../platform/download.ts";

Deno.test("a download is a link to the bytes under their name, and outside of a page an error", async () => {
  const error = assertThrows(
    () => saveAsDownload("a.dino", Uint8Array.of(1)),
    DinogradError,
    "a.dino: expected a page",
  );
  assertEquals(error.kind, "usage");

  const clicked: { href: string; download: string }[] = [];
  const page = {
    createElement: () => ({
      href: "",
      download: "",
      click() {
        clicked.push({ href: this.href, download: this.download });
      },
    }),
  };
  const timers: number[] = [];
  const { setTimeout: original } = globalThis;
  Object.assign(globalThis, { document: page, setTimeout: (_: unknown, after: number) => timers.push(after) });
  try {
    saveAsDownload("a.dino", Uint8Array.of(1, 2, 3));
  } finally {
    Object.assign(globalThis, { document: undefined, setTimeout: original });
  }
  assertEquals([clicked.length, clicked[0].download, timers], [1, "a.dino", [60_000]]);
  assertEquals(await (await fetch(clicked[0].href)).bytes(), Uint8Array.of(1, 2, 3));
  URL.revokeObjectURL(clicked[0].href);
});
