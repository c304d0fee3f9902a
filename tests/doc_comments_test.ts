/**
 * What an importer can name or reach is described: every export of the package's faces has a comment of its own, and so
 * has every member of theirs (fields, methods, constructors) that is neither private nor marked `@internal`.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, toFileUrl } from "@std/path";
import { inFolder } from "./helpers/in_folder.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
/** The modules that the package exports, but for the command line, which exports nothing. */
const FACES = Object.values<string>(JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)).exports)
  .filter((path) => path !== "./cli.ts");
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

interface Described {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string; readonly tsType?: { readonly repr: string } }[];
}

/** Every comment in what `deno doc --json` prints of modules, with the names that they export. */
async function described(faces: readonly string[], cwd: string): Promise<{ docs: Described[]; names: Set<string> }> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["doc", "--json", ...faces], cwd }).output();
  const docs: Described[] = [];
  const names = new Set<string>();
  JSON.parse(new TextDecoder().decode(stdout), (key, value) => {
    if (key === "jsDoc") docs.push(value);
    if (key === "symbols") { for (const { name } of value) names.add(name); }
    return value;
  });
  return { docs, names };
}

/** What is wrong with how comments say what is thrown: it is a tag of its own, with the type in braces. */
function untold({ docs, names }: Awaited<ReturnType<typeof described>>): string[] {
  const known = (type: string | undefined) =>
    type !== undefined && (names.has(type) || ["Error", "RangeError", "TypeError"].includes(type));
  return docs.flatMap(({ doc = "", tags = [] }) => [
    ...(/\bThrows\b|@throws/.test(doc) ? [doc] : []),
    ...tags.filter(({ kind, tsType }) => kind === "throws" && !known(tsType?.repr)).map((tag) => JSON.stringify(tag)),
  ]);
}

Deno.test("what a function throws is a tag with a type that can be imported, so that documentation shows it", async () => {
  const found = await described(FACES, ROOT);
  assertEquals(untold(found), []);
  assert(found.docs.filter(({ tags }) => tags?.some(({ kind }) => kind === "throws")).length > 100);
});

Deno.test("an error that is told in prose, without a type or by one that nobody can import is noticed", () =>
  inFolder(async (folder) => {
    const comments = [
      "Works. Throws a RangeError.",
      "Works. @throws {RangeError} on the same line",
      "Works.\n * @throws RangeError without braces",
      "Works.\n * @throws {HiddenError} of somewhere else",
      "Works.\n * @throws {RangeError} for no number",
    ];
    const lines = comments.map((comment, i) => `/**\n * ${comment}\n */\nexport function f${i}(): void {}`);
    await Deno.writeTextFile(`${folder}/face.ts`, lines.join("\n"));
    assertEquals(untold(await described(["face.ts"], folder)).length, 4);
  }));

Deno.test("every entry point has a page of its own that says what it is for", async () => {
  const entries = Object.values<string>(JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)).exports);
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["doc", "--json", ...entries], cwd: ROOT })
    .output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const pages = Object.entries<{ module_doc?: Described }>(nodes);
  assertEquals(pages.length, entries.length);
  assertEquals(pages.filter(([, { module_doc: page }]) => (page?.doc ?? "").length < 100).map(([path]) => path), []);
});

/** Exported names without a category, under which `deno doc --html` would not list them. */
async function uncategorized(faces: readonly string[]): Promise<string[]> {
  return await inFolder(async (cwd) => {
    // As one module: of several, what one passes on is told of another.
    await Deno.writeTextFile(`${cwd}/all.ts`, faces.map((face) => `export * from "${toFileUrl(face)}";\n`).join(""));
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--json", `--config=${ROOT}deno.json`, "all.ts"],
      cwd,
    }).output();
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
    const [{ symbols }] = Object.values<{ symbols: { name: string; declarations: { jsDoc?: Described }[] }[] }>(nodes);
    assert(symbols.length >= faces.length, "expected names");
    return symbols.filter(({ declarations }) =>
      !declarations.some(({ jsDoc }) => jsDoc?.tags?.some(({ kind }) => kind === "category"))
    ).map(({ name }) => name);
  });
}

Deno.test("every export of an entry point has a category, by which its page is divided", async () => {
  assertEquals(await uncategorized(FACES.map((path) => `${ROOT}${path.slice(2)}`)), []);
});

Deno.test("an export without a category is noticed", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/face.ts`,
      "/** @category A */\nexport const A = 1;\n/** B. */\nexport const B = 2;\n",
    );
    assertEquals(await uncategorized([`${await Deno.realPath(folder)}/face.ts`]), ["B"]);
  }));
