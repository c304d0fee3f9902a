/**
 * The pages of the site: the project's documents with links that lead within the site, and a page with numbered lines for each
 * source file that a document points at.
 */

/** A page of the site. */
export interface Page {
  /** From the site's root, with `.md`. */
  readonly path: string;
  readonly text: string;
}

/** Reads files of the project. */
export interface Project {
  read(path: string): string;
  isFile(path: string): boolean;
  isFolder(path: string): boolean;
  /** Paths of the files right in a folder. */
  filesIn(folder: string): string[];
}

/** Where a file of the project is on the site: README is its front page, sources are below `source/`. */
export function placeOf(path: string): string {
  if (path === "README.md") return "index.md";
  if (/^LICENSE$/.test(path)) return "license.md";
  if (path.endsWith(".md")) return path.replace(/README\.md$/, "index.md");
  return `source/${path.replace(/\/$/, "").replaceAll(/(^|\/)\./g, "$1")}.md`; // hidden folders would not be served
}

/** All pages: those documents, and the sources that they link to. */
export function pagesOf(documents: readonly string[], project: Project): Page[] {
  const sources = new Set<string>();
  const pages = documents.map((path) => ({ path: placeOf(path), text: documentPage(path, { project, sources }) }));
  return [...pages, ...[...sources].sort().map((path) => sourcePage(path, project))];
}

interface Linking {
  readonly project: Project;
  /** Collects the sources that are linked to. */
  readonly sources: Set<string>;
}

/** A document with links that lead to pages, and below each program what it imports, with the lines where that is defined. */
function documentPage(path: string, linking: Linking): string {
  const parts = linking.project.read(path).split(/(^```[\s\S]*?^```$)/m);
  return parts.map((part) => {
    if (!part.startsWith("```")) return withLinks(part, path, linking);
    return part.startsWith("```ts\n") ? part + importedLines(part, path, linking) : part;
  }).join("");
}

/** Relative links of Markdown, turned into links between pages. Pictures and addresses stay. */
function withLinks(text: string, from: string, { project, sources }: Linking): string {
  return text.replace(/(!?)\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (whole, bang, label, target) => {
    if (bang === "!" || /^([a-z]+:|#)/.test(target)) return whole;
    const { pathname, hash } = new URL(target, `file:///${from}`);
    const path = decodeURIComponent(pathname).slice(1).replace(/\/$/, "");
    if (!project.isFile(path) && !project.isFolder(path)) return whole; // not a link, or one that the generator will report
    if (project.isFolder(path) && project.isFile(`${path}/README.md`)) {
      return `[${label}](${relative(from, placeOf(`${path}/README.md`))})`;
    }
    if (!path.endsWith(".md") && path !== "LICENSE") sources.add(path);
    return `[${label}](${relative(from, placeOf(path))}${hash})`;
  });
}

/** The way from one document's page to another page. */
function relative(from: string, to: string): string {
  const up = "../".repeat(placeOf(from).split("/").length - 1);
  return `${up === "" ? "./" : up}${to}`;
}

/** What a program imports from the project, as links to the lines that define it. */
function importedLines(code: string, from: string, { project, sources }: Linking): string {
  const links = [...code.matchAll(/^import (?:type )?\{([^}]*)\} from "dinograd\/([^"]+)";$/gm)].flatMap(
    ([, names, path]) =>
      names.split(",").map((name) => name.trim().replace(/^type /, "")).filter((name) => name !== "").map((name) => {
        const found = definitionOf(name, path, project);
        sources.add(found.path);
        return `[${name}](${relative(from, placeOf(found.path))}${found.line === 0 ? "" : `#L${found.line}`})`;
      }),
  );
  return links.length === 0 ? "" : `\n\n<small>Source: ${links.join(", ")}</small>`;
}

/** Where a name is defined: the file and line, followed through the files that pass it on. */
export function definitionOf(name: string, path: string, project: Project): { path: string; line: number } {
  const text = project.read(path);
  const lines = text.split("\n");
  const defines = new RegExp(`^export (?:abstract |async )?(?:function\\*?|class|const|interface|type) ${name}\\b`);
  const line = lines.findIndex((each) => defines.test(each));
  if (line >= 0) return { path, line: line + 1 };
  for (const [, names, target] of text.matchAll(/^export (?:type )?(\{[^}]*\}|\*) from "([^"]+)";/gm)) {
    const passes = names === "*" || new RegExp(`\\b${name}\\b`).test(names);
    if (!passes) continue;
    const next = new URL(target, `file:///${path}`).pathname.slice(1);
    if (!project.isFile(next)) continue;
    const found = definitionOf(name, next, project);
    if (found.line > 0) return found;
  }
  return { path, line: 0 };
}

/** A source file with numbered lines, or a folder with its files. */
function sourcePage(path: string, project: Project): Page {
  if (project.isFolder(path)) {
    const files = project.filesIn(path).map((file) => `- \`${file}\``);
    return { path: placeOf(path), text: `# ${path}/\n\n${files.join("\n")}\n` };
  }
  const text = project.read(path);
  const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`{3,}/g)].map(([run]) => run.length + 1)));
  const language = path.endsWith(".ts") ? "typescript" : path.endsWith(".json") ? "json" : "text";
  return {
    path: placeOf(path),
    text: `---\noutline: false\n---\n\n# ${path}\n\n${fence}${language}\n${text}\n${fence}\n`,
  };
}
