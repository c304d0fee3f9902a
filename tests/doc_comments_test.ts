/**
 * What an importer can name or reach is described: every export of the package's faces has a comment of its own, and so
 * has every member of theirs (fields, methods, constructors) that is neither private nor marked `@internal`.
 */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { inFolder } from "./helpers/in_folder.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const FACES = ["mod.ts", "engine/mod.ts", "checkpoint/mod.ts"];
/** What `deno doc --lint` complains of in modules, one line each: the rule, and the place that it names. */
async function complaints(faces: readonly string[], cwd: string): Promise<string[]> {
  const { stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...faces],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return [...text.matchAll(/^error\[([\w-]+)\].*\n\s*--> (.+):(\d+):\d+$/gm)]
    .map(([, rule, path, line]) => `${rule}: ${path.slice(path.indexOf(cwd) + cwd.length)}:${line}`);
}

Deno.test("every export and member has a comment, a full type, and refers to nothing that cannot be imported", async () => {
  assertEquals(await complaints(FACES, ROOT), []);
});

Deno.test("a field, a method, a constructor or an export without a comment is noticed", () =>
  inFolder(async (given) => {
    const folder = `${await Deno.realPath(given)}/`;
    const lines = [
      "/** Described. */",
      "export interface Options {",
      "  readonly width: number;",
      "  /** In pixels. */",
      "  readonly height: number;",
      "}",
      "/** Described. */",
      "export class Box {",
      "  readonly #hidden: number;",
      "  constructor(width: number) {",
      "    this.#hidden = width;",
      "  }",
      "  area(): number {",
      "    return this.#hidden ** 2;",
      "  }",
      "}",
      "export const SIDE = 4;",
    ];
    await Deno.writeTextFile(`${folder}face.ts`, lines.join("\n"));
    assertEquals((await complaints(["face.ts"], folder)).sort(), [
      "missing-jsdoc: face.ts:10",
      "missing-jsdoc: face.ts:13",
      "missing-jsdoc: face.ts:17",
      "missing-jsdoc: face.ts:3",
    ]);
  }));
