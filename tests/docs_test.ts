/**
 * What documents and comments point at exists: relative links, and every source file that is named in code style. A name
 * may leave out leading folders, and a star in it stands for any part of a name. And documents fit a terminal.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import stringWidth from "string-width";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const FOLDERS = [
  "bench",
  "checkpoint",
  "commands",
  "detector",
  "docs",
  "engine",
  "entries",
  "examples",
  "platform",
  "site",
  "tests",
];

/** Files of the project as paths from its root. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory ? filesIn(path) : [path];
  });
}

const atRoot = [...Deno.readDirSync(ROOT)].filter((entry) => entry.isFile).map(({ name }) => name);
const files = [...atRoot, ...FOLDERS.flatMap(filesIn)];
const documents = files.filter((path) => path.endsWith(".md"));
const sources = files.filter((path) => path.endsWith(".ts"));

const read = (path: string) => Deno.readTextFileSync(ROOT + path);

/** Fenced code left out: what it names are the reader's files. */
const prose = (markdown: string) => markdown.replace(/^```[\s\S]*?^```/gm, "");

const comments = (source: string) => (source.match(/\/\*\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm) ?? []).join("\n");

/** Source files that a text names in backticks, such as `engine/op.ts`. */
const namesIn = (text: string) => [...text.matchAll(/`((?:[\w*]+\/)*[\w*]+\.ts)`/g)].map(([, name]) => name);

function exists(name: string): boolean {
  const pattern = new RegExp(`(^|/)${name.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`);
  return sources.some((path) => pattern.test(path));
}

/** What is named but missing, with the place that names it. */
function missing(paths: readonly string[], textOf: (path: string) => string): string[] {
  return paths.flatMap((path) =>
    namesIn(textOf(path)).filter((name) => !exists(name)).map((name) => `${path} names ${name}`)
  );
}

Deno.test("every source file that a document names exists", () => {
  assertEquals(missing(documents, (path) => prose(read(path))), []);
});

Deno.test("every source file that a comment names exists", () => {
  assertEquals(missing(sources.filter((path) => path !== "tests/docs_test.ts"), (path) => comments(read(path))), []);
});

Deno.test("every relative link of a document leads to a file, and its fragment to a heading", () => {
  const broken = documents.flatMap((path) =>
    [...prose(read(path)).replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target)
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target))
      .map((target) => `${path} links to ${target}`)
  );
  assertEquals(broken, []);
});

function leadsSomewhere(from: string, target: string): boolean {
  const { pathname, hash } = new URL(target, `file:///${from}`);
  const path = decodeURIComponent(pathname).slice(1);
  const isFolder = files.some((file) => file.startsWith(path.replace(/\/?$/, "/")));
  if (!files.includes(path) && path !== ".ci/run" && !isFolder) return false;
  if (hash === "" || !path.endsWith(".md")) return true;
  const headings = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
  const anchors = headings.map((heading) => heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-"));
  return anchors.includes(hash.slice(1));
}

Deno.test("the reading of names and links finds what is there and notices what is not", () => {
  assertEquals(namesIn("see `op.ts`, `kernel/wasm/*.ts` and `model.forward`"), ["op.ts", "kernel/wasm/*.ts"]);
  assert(exists("op.ts") && exists("kernel/wasm/*.ts") && exists("engine/op.ts"));
  assert(!exists("p.ts") && !exists("kernel/op.ts") && !exists("kernel/gpu/*.ts"));
  assert(leadsSomewhere("README.md", "docs/resume.md#other-classes"));
  assert(!leadsSomewhere("README.md", "docs/resume.md#no-such-heading") && !leadsSomewhere("docs/a.md", "b.md"));
  assert(documents.length > 3 && namesIn(read("docs/architecture.md")).length > 20);
});

/** As wide as the source; a narrower terminal wraps prose, but tears tables apart. */
const WIDTH = 120;

/** Lines beyond that width, but for links and the like, which have no place to be split at. */
function tooWide(markdown: string): string[] {
  return markdown.split("\n").filter((line) =>
    stringWidth(line) > WIDTH && /\S\s+\S/.test(line.replace(/^\s*(-|\d+\.)\s/, ""))
  );
}

Deno.test("every line of a document fits a terminal", () => {
  // The pages beside the goldens are as their makers wrote them.
  const own = documents.filter((path) => !path.startsWith("tests/goldens/"));
  assert(own.includes("README.md") && own.includes("docs/architecture.md"));
  assertEquals(own.flatMap((path) => tooWide(read(path)).map((line) => `${path}: ${line}`)), []);
  const long = "x".repeat(130);
  assertEquals(tooWide(`- [a](${long})\n${"é".repeat(120)}\n`), []);
  assertEquals(tooWide(`a ${long}\n| ${long} |`), [`a ${long}`, `| ${long} |`]);
});
