/**
 * What an import costs: the modules that Deno's own graph reaches from each entry point, in bytes of source and of code (as
 * it runs, without types and comments), and the packages of npm that come with them. Dawn never does.
 */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { stripTypeScriptTypes } from "node:module";
import { withoutComments } from "../helpers/exports.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const manifest: { exports: Record<string, string>; imports: Record<string, string> } = JSON.parse(
  await Deno.readTextFile(`${ROOT}deno.json`),
);

interface Dependency {
  readonly code?: { readonly specifier?: string };
}

interface GraphModule {
  readonly kind: string;
  readonly specifier: string;
  readonly local?: string;
  readonly dependencies?: readonly Dependency[];
}

/** One graph of all entry points, with what they import only when it is needed, as Deno would fetch it. */
async function graphOf(urls: readonly string[]): Promise<ReadonlyMap<string, GraphModule>> {
  const program = urls.map((url) => `import ${JSON.stringify(url)};`).join("\n");
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `--config=${ROOT}deno.json`, `data:text/typescript,${encodeURIComponent(program)}`],
  }).output();
  const { modules, redirects }: { modules: GraphModule[]; redirects: Record<string, string> } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const byName = new Map(modules.map((module) => [module.specifier, module]));
  for (const [from, to] of Object.entries(redirects)) byName.set(from, byName.get(to) ?? byName.get(from)!);
  return byName;
}

const urlOf = (entry: string) => new URL(manifest.exports[entry], `file://${ROOT}`).href;
const graph = await graphOf(Object.keys(manifest.exports).map(urlOf));

/** What a program that imports a module brings with it when it runs; imports of types alone are erased. */
function reachedFrom(url: string): GraphModule[] {
  const reached = new Map<string, GraphModule>();
  const visit = (specifier: string): void => {
    const module = graph.get(specifier);
    if (module === undefined) throw new Error(`the graph has no ${specifier}`);
    if (reached.has(module.specifier)) return;
    reached.set(module.specifier, module);
    for (const { code } of module.dependencies ?? []) if (code?.specifier !== undefined) visit(code.specifier);
  };
  visit(url);
  return [...reached.values()];
}

/** The names of the packages of npm among modules. */
function packagesOf(modules: readonly GraphModule[]): string[] {
  const names = modules.filter(({ kind }) => kind === "npm")
    .map(({ specifier }) => /^npm:\/?(@?[^@]+)@/.exec(specifier)?.[1] ?? specifier);
  return [...new Set(names)].sort();
}

const sources = new Map<string, { readonly source: number; readonly code: number }>();
function sizesOf({ local }: GraphModule): { readonly source: number; readonly code: number } {
  if (local === undefined) return { source: 0, code: 0 };
  const known = sources.get(local);
  if (known) return known;
  const text = Deno.readTextFileSync(local);
  // Deno knows both modes of Node's function, its types only the one that leaves gaps for what it takes out.
  const code = stripTypeScriptTypes(withoutComments(text), { mode: "transform" as "strip" });
  const sizes = { source: new TextEncoder().encode(text).length, code: new TextEncoder().encode(code).length };
  sources.set(local, sizes);
  return sizes;
}

/** Kilobytes (1000 bytes) that the modules of this package have among those that an entry reaches. */
function weigh(entry: string): { readonly source: number; readonly code: number; readonly packages: string[] } {
  const modules = reachedFrom(urlOf(entry));
  const sizes = modules.filter(({ kind }) => kind === "esm").map(sizesOf);
  const sum = (key: "source" | "code") => sizes.reduce((total, size) => total + size[key], 0) / 1000;
  return { source: sum("source"), code: sum("code"), packages: packagesOf(modules) };
}

interface Budget {
  /** Kilobytes of source, as it lies in the repository and in JSR's archive, with types and comments. */
  readonly source: number;
  /** Kilobytes of what runs: types and comments taken out. */
  readonly code: number;
  readonly packages: readonly string[];
}

const CHECKPOINT = ["@noble/hashes", "fflate", "msgpackr"];
const CODECS = ["@jsquash/jpeg", "@jsquash/webp", "@noble/hashes", "fflate", "pako", "tiff"];
/** Fonts and a renderer, for what is drawn. */
const PICTURES = ["@fontsource/unifontex", "@resvg/resvg-wasm", "dejavu-fonts-ttf", "deno-std"];
const EVALUATION = [...CODECS, ...PICTURES, "jpeg-js", "msgpackr", "string-width"];

/** Raise a budget only for something that is worth its weight to everybody who imports the entry. */
const BUDGETS: Readonly<Record<string, Budget>> = {
  ".": { source: 2700, code: 1750, packages: [...EVALUATION, "fast-xml-parser"] },
  "./engine": { source: 780, code: 500, packages: [] },
  "./ops": { source: 410, code: 270, packages: [] },
  "./nn": { source: 390, code: 245, packages: [] },
  "./optim": { source: 275, code: 160, packages: [] },
  "./webgpu": { source: 195, code: 120, packages: [] },
  "./checkpoint": { source: 385, code: 240, packages: CHECKPOINT },
  "./data": { source: 470, code: 285, packages: [...CODECS, ...PICTURES] },
  "./detector": { source: 2550, code: 1650, packages: [...EVALUATION, "fast-xml-parser"] },
  "./eval": { source: 2100, code: 1350, packages: EVALUATION },
  "./browser": { source: 130, code: 80, packages: CODECS },
  "./cli": {
    source: 3200,
    code: 2100,
    packages: [...EVALUATION, "fast-xml-parser", "cli-progress", "commander", "wrap-ansi"],
  },
};

for (const entry of Object.keys(manifest.exports)) {
  Deno.test(`importing ${entry} stays within its budget of source, code and packages`, () => {
    const budget = BUDGETS[entry];
    const { source, code, packages } = weigh(entry);
    assertEquals(packages, budget.packages.toSorted());
    assert(code <= budget.code && source <= budget.source, `${entry}: ${code} KB of code, ${source} KB of source`);
    assertGreater(code, budget.code * 0.8, "the budget is far above what is needed: lower it");
  });
}

Deno.test("Dawn is in nobody's graph, and the version that is asked for at run time is the one that is locked", async () => {
  assertEquals([...graph.keys()].filter((specifier) => /\bwebgpu@|\bdawn\b(?!\.ts)/i.test(specifier)), []);
  const asked = /`(npm:webgpu@[\d.]+)\/\$\{/.exec(await Deno.readTextFile(`${ROOT}platform/dawn.ts`))?.[1];
  assertMatch(asked ?? "", /^npm:webgpu@\d+\.\d+\.\d+$/);
  assertEquals(manifest.imports.dawn, asked);
  const lock = JSON.parse(await Deno.readTextFile(`${ROOT}deno.lock`));
  assert(lock.specifiers[manifest.imports.dawn], "deno.lock does not know it");
  // By any other name, publishing would take the second import apart, which is for Node.
  assertEquals(Object.keys(manifest.imports).filter((name) => name.startsWith("webgpu")), []);
});
