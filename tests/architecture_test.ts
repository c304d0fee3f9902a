/**
 * The layout's rules, read from the sources themselves: imports point one way, nothing below `commands/` knows Deno, and
 * no file grows beyond what is read in one sitting. `docs/architecture.md` says why.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { type NameOf, namesOf, type Source, unusedExports, withoutComments } from "./helpers/exports.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** A folder may import from itself and from those before it. */
const LAYERS = ["platform", "engine", "checkpoint", "detector", "entries", "commands"] as const;
const MAX_LINES = 450;

const read = (path: string): Source => ({ path, text: Deno.readTextFileSync(ROOT + path) });

function sourcesIn(folder: string, ending = /\.[jt]s$/): Source[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return sourcesIn(path, ending);
    return ending.test(entry.name) ? [read(path)] : [];
  });
}

/** Relative imports of a file, static, dynamic, of types or as the URL of a worker, as paths from the root. */
function importsOf({ path, text }: Source): string[] {
  const specifiers = withoutComments(text).matchAll(/(?:from|import\(|import|new URL\()\s*"(\.{1,2}\/[^"]+\.[jt]s)"/g);
  return [...specifiers].map(([, specifier]) => new URL(specifier, `file:///${path}`).pathname.slice(1));
}

/** Imports that are still there when the program runs: those of types alone are erased. */
function runTimeImportsOf({ path, text }: Source): string[] {
  const statements = withoutComments(text).matchAll(
    /(?:^|\n)(?:import|export)\s+(type\s)?([^;"]*?)(?:\bfrom\s*)?"(\.{1,2}\/[^"]+\.[jt]s)"/g,
  );
  return [...statements].filter(([, isType, names]) => isType === undefined && !namesTypesAlone(names))
    .map(([, , , specifier]) => new URL(specifier, `file:///${path}`).pathname.slice(1));
}

function namesTypesAlone(names: string): boolean {
  const listed = /^\{([\s\S]*)\}\s*$/.exec(names.trim())?.[1].split(",").map((name) => name.trim()).filter(Boolean);
  return listed !== undefined && listed.length > 0 && listed.every((name) => name.startsWith("type "));
}

/** A way through the graph that comes back to where it began, or undefined. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...way, node]);
      if (circle) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = visit(node, []);
    if (circle) return circle;
  }
  return undefined;
}

const sources = LAYERS.map((layer) => sourcesIn(layer));

Deno.test("imports point one way: platform, engine, checkpoint, detector, entry points, commands, and the command line last", () => {
  const wrong = LAYERS.flatMap((layer, level) => {
    const allowed: readonly string[] = LAYERS.slice(0, level + 1);
    return sources[level].flatMap((source) =>
      importsOf(source)
        .filter((target) => !allowed.includes(target.split("/")[0]))
        .map((target) => `${layer}: ${source.path} imports ${target}`)
    );
  });
  assertEquals(wrong, []);
});

Deno.test("the reading of imports finds the ones that exist", () => {
  const text = 'import { a } from "../engine/a.ts";\nexport * from "./b.ts";\nawait import("./c.ts");\n' +
    'import "./d.ts"; // import "./not.ts"\nnew Worker(new URL("./e.ts", import.meta.url));\n';
  assertEquals(
    importsOf({ path: "detector/x.ts", text }),
    ["engine/a.ts", "b", "c", "d", "e"].map((name, i) => i === 0 ? name : `detector/${name}.ts`),
  );
  for (const [level, layer] of LAYERS.entries()) {
    assert(sources[level].some((source) => importsOf(source).length > 0), `no import was found in ${layer}`);
  }
});

Deno.test("no file imports itself by a detour when the program runs", () => {
  const graph = new Map(sources.flat().map((source) => [source.path, runTimeImportsOf(source)]));
  assertEquals(circleIn(graph), undefined);
});

/** Imports of types that close a circle, and why they may. */
const CIRCLES_OF_TYPES: Readonly<Record<string, string>> = {
  "engine/tensor.ts": "an op takes and makes tensors, and tensors have the ops that models chain as methods",
  "engine/scope.ts": "what is current is a scope, and a scope makes itself current",
};

Deno.test("no file imports itself by a detour of types, but for two that say why", () => {
  const imports = (without: readonly string[]) =>
    new Map(
      sources.flat().map((source) => {
        const atRunTime = runTimeImportsOf(source);
        return [source.path, importsOf(source).filter((path) => atRunTime.includes(path) || !without.includes(path))];
      }),
    );
  const allowed = Object.keys(CIRCLES_OF_TYPES);
  assertEquals(circleIn(imports(allowed)), undefined);
  for (const path of allowed) {
    assert(circleIn(imports(allowed.filter((other) => other !== path))), `${path} closes no circle any more`);
  }
});

Deno.test("the search for circles finds one, passes over imports of types, and is not led astray by shared files", () => {
  const text =
    'import { type A, b } from "./b.ts";\nimport type { C } from "./c.ts";\nimport { type D } from "./d.ts";\n' +
    'export * from "./e.ts";\nimport "./f.ts";\nexport {\n  type G,\n  h,\n} from "./g.ts";\n';
  assertEquals(runTimeImportsOf({ path: "x/a.ts", text }), ["b", "e", "f", "g"].map((name) => `x/${name}.ts`));
  const graph = (...edges: [string, string[]][]) => new Map(edges);
  assertEquals(circleIn(graph(["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]], ["d", []])), undefined);
  assertEquals(circleIn(graph(["a", ["b"]], ["b", ["c"]], ["c", ["b"]])), ["b", "c", "b"]);
});

/** The names of a platform that a source uses: what `Deno` and `process` have, and modules of Node. */
function platformNamesIn(text: string): string[] {
  return [...withoutComments(text).matchAll(/\bDeno\s*[.[]|(?<![.\w])process\s*\??[.[]|["'`]node:\w+/g)].map(([name]) =>
    name
  );
}

Deno.test("one folder below the commands knows the platform: nothing else there names Deno, process or a module of Node", () => {
  const text = 'Deno.cwd(); process.pid; import fs from "node:fs"; // Deno.cwd()\nthis.process.get(); processes.get();';
  assertEquals(platformNamesIn(text), ["Deno.", "process.", '"node:fs']);
  const users = sources.slice(LAYERS.indexOf("engine"), LAYERS.indexOf("commands")).flat()
    .flatMap(({ path, text }) => platformNamesIn(text).map((name) => `${path}: ${name}`));
  assertEquals(users, []);
});

Deno.test("a browser can load every entry point but the command line: no module on their way is imported from Node", () => {
  const byPath = new Map(sources.flat().map((source) => [source.path, source]));
  const reached = new Map<string, Source>();
  const visit = (source: Source | undefined) => {
    if (source === undefined || reached.has(source.path)) return;
    reached.set(source.path, source);
    for (const target of runTimeImportsOf(source)) visit(byPath.get(target));
  };
  const { exports }: { exports: Record<string, string> } = JSON.parse(read("deno.json").text);
  for (const face of Object.values(exports).map((path) => path.slice(2)).filter((path) => path !== "cli.ts")) {
    visit({ path: face, text: Deno.readTextFileSync(ROOT + face) });
  }
  for (const path of ["platform/node_files.ts", "checkpoint/bundle/reader.ts", "detector/train/trainer.ts"]) {
    assert(reached.has(path), `the walk did not come by ${path}`);
  }
  const importsNode = /(?:^|\n)(?:import|export)\s+(?!type\s)(?:[^;"]*\sfrom\s*)?"node:/;
  assert(importsNode.test('import { a } from "./a.ts";\nimport * as fs from "node:fs";'));
  assert(!importsNode.test('import type { Stats } from "node:fs";'));
  assertEquals(
    [...reached.values()].filter(({ text }) => importsNode.test(withoutComments(text))).map(({ path }) => path),
    [],
  );
});

/** The rooms of `detector/`: each may import from itself and from those before it. */
const ROOMS = [
  "config",
  "logs",
  "render",
  "data",
  "draw",
  "model",
  "loss",
  "weights",
  "zoo",
  "inference",
  "export",
  "eval",
  "train",
];

Deno.test("the rooms of the detector have an order, and none imports from a room after it", () => {
  const roomOf = (path: string) => ROOMS.indexOf(path.split("/")[1]);
  const detector = sources[LAYERS.indexOf("detector")];
  assertEquals(detector.filter(({ path }) => roomOf(path) < 0).map(({ path }) => path), []);
  for (const room of ROOMS) assert(detector.some(({ path }) => path.startsWith(`detector/${room}/`)), `no ${room}`);
  const wrong = detector.flatMap((source) =>
    importsOf(source).filter((target) => target.startsWith("detector/") && roomOf(target) > roomOf(source.path))
      .map((target) => `${source.path} imports ${target}`)
  );
  assertEquals(wrong, []);
});

Deno.test("the time of day is for people to read: nothing computes with it, for it can be set", () => {
  const users = sources.flat().filter(({ text }) =>
    /\bDate\.now\b|\bnew Date\b(?!\(\)\.toISOString)/.test(withoutComments(text))
  )
    .map(({ path }) => path);
  assertEquals(users, []);
});

Deno.test("no source file is longer than 450 lines", () => {
  const all = [...sources.flat(), ...["bench", "examples", "tests"].flatMap((folder) => sourcesIn(folder))];
  const long = all.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  assertEquals(long, []);
});

Deno.test("the kernels and devices of the engine know neither tensors nor operations", () => {
  const wrong = sources[LAYERS.indexOf("engine")].filter(({ path }) => /^engine\/(kernel|device)\//.test(path)).flatMap(
    (source) =>
      importsOf(source)
        .filter((target) => /^engine\/(ops|nn|optim)\/|^engine\/(tensor|autograd)\.ts$/.test(target))
        .map((target) => `${source.path} imports ${target}`),
  );
  assertEquals(wrong, []);
});

/** Folders of `tests/` that no room of the code answers to: examples, the site, fuzzing, the published package, what tests share. */
const TESTS_ALONE = ["examples", "site", "fuzz", "package", "helpers"];

/** What a test, or a part of one, may not import from: another room's tests. Shared parts are in `tests/helpers/`. */
function foreignImportsOf(source: Source): string[] {
  // What is alone is one room, with all of its folders.
  const alone = TESTS_ALONE.find((folder) => source.path.startsWith(`tests/${folder}/`));
  const room = alone ? `tests/${alone}/` : source.path.slice(0, source.path.lastIndexOf("/") + 1);
  return importsOf(source).filter((target) =>
    target.startsWith("tests/") && !target.startsWith("tests/helpers/") && !target.startsWith(room)
  );
}

Deno.test("the tests of a room lie in a folder of its path, and share nothing with other rooms but the helpers", () => {
  const tests = sourcesIn("tests");
  const folders = new Set(tests.map(({ path }) => path.split("/").slice(1, -1).join("/")));
  const homeless = [...folders].filter((folder) => {
    const isAlone = folder === "" || TESTS_ALONE.includes(folder.split("/")[0]);
    return !isAlone && !sources.flat().some(({ path }) => path.startsWith(`${folder}/`));
  });
  assertEquals(homeless, []);
  for (const folder of ["engine/device/wasm", "checkpoint/codec", "detector/train/records", "commands/shared"]) {
    assert(folders.has(folder), `no tests of ${folder}`);
  }
  const foreign = tests.filter(({ path }) => !path.startsWith("tests/fuzz/"))
    .flatMap((source) => foreignImportsOf(source).map((target) => `${source.path} imports ${target}`));
  assertEquals(foreign, []);
  const text = 'import { a } from "../fuzz/a.ts";\nimport { b } from "../helpers/b.ts";\nimport { c } from "./c.ts";\n';
  assertEquals(foreignImportsOf({ path: "tests/engine/x_test.ts", text }), ["tests/fuzz/a.ts"]);
});

/** Exported for tests alone, which look at a part where the whole would hide it. */
const FOR_TESTS: readonly string[] = [
  "checkpoint/download/fetch_file.ts: FetchOptions",
  "checkpoint/download/fetch_file.ts: FetchedFile",
  "checkpoint/element_view.ts: numberToBfloat16",
  "checkpoint/element_view.ts: numberToHalf",
  "checkpoint/files/lock.ts: LockOptions",
  "checkpoint/files/lock_chain.ts: LOCK_NAME",
  "commands/shared/shell.ts: quoteWord",
  "commands/tour/program.ts: programOf",
  "detector/config/nearest.ts: nearestName",
  "detector/data/augment/masks.ts: decodeCounts",
  "detector/data/cards/cards.ts: CARD_CATEGORIES",
  "detector/data/formats/mod.ts: formatOfFolder",
  "detector/data/resized_size.ts: sizeWithAspectRatio",
  "detector/draw/annotate.ts: detectionsSvg",
  "detector/loss/boxes.ts: dampedIou",
  "detector/loss/hungarian.ts: Assignment",
  "detector/model/decoder.ts: DeformableDecoderLayer",
  "detector/model/encoder.ts: DeformableEncoderLayer",
  "detector/model/levels.ts: levelsOf",
  "detector/model/levels.ts: resizeMask",
  "detector/model/position_embedding.ts: pixelEmbedding",
  "detector/render/fonts.ts: Font",
  "detector/render/fonts.ts: loadFont",
  "detector/train/evaluation_plan.ts: evaluationsSinceBest",
  "detector/train/report/run_report.ts: RUN_PICTURES",
  "detector/train/start/image_sizes.ts: findSmallImages",
  "detector/weights/backbone_kind.ts: describeBackbone",
  "engine/kernel/language/numbers.ts: erf",
  "platform/cache_folder.ts: CacheSurroundings",
];

Deno.test("every export is imported by another file, or belongs to a face of the package", () => {
  const manifest: { exports: Record<string, string> } = JSON.parse(read("deno.json").text);
  const faces = Object.values(manifest.exports).map((path) => path.slice(2));
  const product = [...sources.flat(), ...["mod.ts", "cli.ts"].map(read)];
  // The chapters of the tour and the benchmarks are users like any other.
  const users = [...sourcesIn("docs", /\.(ts|md)$/), ...["bench", "examples"].flatMap((folder) => sourcesIn(folder))];
  const unused = unusedExports([...product, ...users], faces)
    .filter((name) => product.some(({ path }) => name.startsWith(`${path}: `)));
  const tests = sourcesIn("tests").flatMap((source) =>
    namesOf(source).taken.map(({ path, name }) => `${path}: ${name}`)
  );
  assertEquals(
    unused.filter((name) => !FOR_TESTS.includes(name)),
    [],
    "leave out `export`, or the name where it is dead",
  );
  assertEquals(
    FOR_TESTS.filter((name) => !unused.includes(name) || !tests.includes(name)),
    [],
    "no longer for tests alone",
  );
});

Deno.test("the reading of names follows what passes them on, and finds what nobody takes", () => {
  const taken = (text: string): readonly NameOf[] => namesOf({ path: "x/a.ts", text }).taken;
  assertEquals(taken('import { b, type C as D } from "./b.ts";\nimport type { E } from "../e.ts";\n'), [
    { path: "x/b.ts", name: "b" },
    { path: "x/b.ts", name: "C" },
    { path: "e.ts", name: "E" },
  ]);
  assertEquals(taken('const { f } = await import("./f.ts");\nimport * as g from "dinograd/y/g.ts";\n'), [
    { path: "y/g.ts", name: "*" },
    { path: "x/f.ts", name: "f" },
  ]);
  const sources = [
    { path: "a.ts", text: "export function a() {}\nexport interface A {}\nexport const [b, c] = [1, 2];\n" },
    { path: "mod.ts", text: 'export { a as aa, type A } from "./a.ts";\nexport * from "./d.ts";\n' },
    { path: "d.ts", text: "export abstract class D {}\nexport async function* e() {}\n" },
    { path: "user.ts", text: 'import { aa, D } from "./mod.ts";\nimport { b } from "./a.ts";\n' },
  ];
  assertEquals(unusedExports(sources, []), ["a.ts: A", "a.ts: c", "mod.ts: A", "d.ts: e"]);
  assertEquals(unusedExports(sources, ["mod.ts"]), ["a.ts: c"]);
});

Deno.test("the engine refuses a call with an error that has a code: engine/errors.ts has one for each sort", () => {
  const plain = /\bthrow new (RangeError|TypeError)\b/;
  assert(plain.test("if (x < 0) throw new RangeError(`x`);") && !plain.test("throw new ArgumentError(`x`)"));
  const wrong = sources[LAYERS.indexOf("engine")].filter(({ text }) => plain.test(text)).map(({ path }) => path);
  assertEquals(wrong, []);
});
