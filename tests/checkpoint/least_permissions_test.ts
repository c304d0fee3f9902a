import { assertEquals } from "@std/assert";
import { inFolder } from "../helpers/in_folder.ts";

const MODULE = new URL("../../checkpoint/mod.ts", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

Deno.test("bundles are written and read with permission for their folder alone: no native parts, no environment", () =>
  inFolder(async (folder) => {
    const script = `
      import { digestOfBundle, openBundle, writeBundle } from "${MODULE}";
      const weight = { dtype: "f32", shape: [2], data: new Uint8Array(8) };
      const path = "${folder}/a.dino";
      await writeBundle(path, { tensors: new Map([["weight", weight]]), state: { minus: -0, large: 2n ** 80n } });
      await using bundle = await openBundle(path);
      console.log(bundle.state, (await bundle.verify()).sound, (await digestOfBundle(bundle)).length);
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--no-check", `--config=${CONFIG}`, `--allow-read=${folder}`]
        .concat(`--allow-write=${folder}`, `data:text/typescript,${encodeURIComponent(script)}`),
      env: { NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await child.output();
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(new TextDecoder().decode(stdout), "{ minus: -0, large: 1208925819614629174706176n } true 64\n");
    assertEquals(code, 0);
  }));
