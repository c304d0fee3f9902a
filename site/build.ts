/**
 * Makes the site: `deno task site [--out FOLDER]`. VitePress lays out the documents and their search, `deno doc` the API. The
 * result is a folder of files that need no network; `npx serve` or any server shows it.
 */
import { cp } from "node:fs/promises";
import { dirname, fromFileUrl } from "@std/path";
import { pagesOf, placeOf, type Project } from "./pages.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const at = Deno.args.indexOf("--out");
const OUT = at < 0
  ? `${ROOT}.cache/site`
  : await Deno.realPath(dirname(Deno.args[at + 1])) + `/${Deno.args[at + 1].split("/").at(-1)}`;

const project: Project = {
  read: (path) => Deno.readTextFileSync(ROOT + path),
  isFile: (path) => kindOf(path) === "file",
  isFolder: (path) => kindOf(path) === "folder",
  filesIn: (folder) =>
    [...Deno.readDirSync(ROOT + folder)].filter(({ isFile }) => isFile).map(({ name }) => `${folder}/${name}`).sort(),
};

function kindOf(path: string): "file" | "folder" | "none" {
  try {
    return Deno.statSync(ROOT + path).isDirectory ? "folder" : "file";
  } catch {
    return "none";
  }
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  ).sort();
}

/** Runs deno in a folder; its output is shown where it fails. */
async function deno(args: readonly string[], cwd: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd }).output();
  if (success) return;
  for (const text of [stdout, stderr]) console.error(new TextDecoder().decode(text));
  throw new Error(`expected deno ${args[0]} to succeed`);
}

const title = (path: string) => /^# (.*)$/m.exec(project.read(path))?.[1].replaceAll("`", "") ?? path;
const link = (path: string) => `/${placeOf(path).replace(/(index)?\.md$/, "")}`;
const entry = (path: string) => ({ text: title(path), link: link(path) });

const docs = filesBelow("docs");
const documents = ["README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE"].filter(project.isFile)
  .concat(docs.filter((path) => path.endsWith(".md")), ["tests/goldens/README.md", "tests/goldens/FORMULA.md"]);
const tour = docs.filter((path) => /^docs\/tour\/\d\d-.*\.md$/.test(path));
const guide = docs.filter((path) => /^docs\/[^/]*\.md$/.test(path));

const work = await Deno.makeTempDir({ prefix: "dinograd-site-" });
try {
  const source = `${work}/pages`;
  for (const { path, text } of pagesOf(documents, project)) {
    await Deno.mkdir(dirname(`${source}/${path}`), { recursive: true });
    await Deno.writeTextFile(
      `${source}/${path}`,
      path === "license.md" ? `# Licence\n\n\`\`\`text\n${text}\n\`\`\`\n` : text,
    );
  }
  for (const path of docs.filter((path) => /\.(svg|png|jpg)$/.test(path))) {
    await Deno.mkdir(dirname(`${source}/${path}`), { recursive: true });
    await Deno.copyFile(ROOT + path, `${source}/${path}`);
  }
  const settings = {
    title: "dinograd",
    description: "DINO object detection in TypeScript, on a tensor engine written from scratch",
    lang: "en",
    themeConfig: {
      search: { provider: "local" },
      outline: [2, 3],
      nav: [
        { text: "Guide", link: link("README.md") },
        { text: "Tour", link: link("docs/tour/README.md") },
        { text: "API", link: "/api/", target: "_self" },
      ],
      sidebar: [
        { text: "Guide", items: [entry("README.md"), ...guide.map(entry)] },
        { text: "Tour", items: [entry("docs/tour/README.md"), ...tour.map(entry)] },
        {
          text: "Project",
          items: documents.slice(1).filter((path) => !path.includes("/") && path !== "LICENSE").map(entry),
        },
      ],
    },
  };
  const config = `export default {
  ...${JSON.stringify(settings)},
  ignoreDeadLinks: [/^\\/api\\//],
  markdown: {
    math: true,
    lineNumbers: false,
    codeTransformers: [{
      // Lines of sources, which alone are in "typescript" and not "ts", can be linked to.
      line(node, line) { if (this.options.lang === "typescript") node.properties.id = "L" + line; },
    }],
  },
};\n`;
  await Deno.mkdir(`${source}/.vitepress`);
  await Deno.writeTextFile(`${source}/.vitepress/config.mjs`, config);
  const imports = {
    vitepress: "npm:vitepress@1.6.4",
    vue: "npm:vue@3.5.24",
    "markdown-it-mathjax3": "npm:markdown-it-mathjax3@4.3.2",
  };
  await Deno.writeTextFile(`${work}/deno.json`, JSON.stringify({ nodeModulesDir: "auto", imports }));
  await deno(["install", "--quiet"], work);
  await deno(["run", "-A", "npm:vitepress", "build", "pages"], work);
  const faces = Object.values(JSON.parse(project.read("deno.json")).exports as Record<string, string>);
  const api = [...new Set(faces)].filter((path) => path !== "./cli.ts");
  await deno(["doc", "--html", "--name=dinograd", `--output=${work}/pages/.vitepress/dist/api`, ...api], ROOT);
  await Deno.remove(OUT, { recursive: true }).catch(() => {});
  await Deno.mkdir(dirname(OUT), { recursive: true });
  await cp(`${work}/pages/.vitepress/dist`, OUT, { recursive: true });
  console.log(`the site is in ${OUT}`);
} finally {
  await Deno.remove(work, { recursive: true });
}
