import { assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { CONFIG_KEYS, configKeys } from "../../detector/config/mod.ts";
import { formatPython } from "../../detector/config/values.ts";

Deno.test("the page for users of the official DINO has every config key with its default", async () => {
  const page = await Deno.readTextFile(fromFileUrl(new URL("../../docs/from-official-dino.md", import.meta.url)));
  for (const key of configKeys()) {
    const { use, default: initial } = CONFIG_KEYS[key];
    if (use === "unused") assertStringIncludes(page, `\`${key}\``);
    else {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${key}\` `)) ?? `no row of ${key}`;
      assertStringIncludes(row, `\`${formatPython(initial)}\``);
    }
  }
});
