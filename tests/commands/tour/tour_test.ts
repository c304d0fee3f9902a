/**
 * The chapters of the tour are programs that do what the text says: every piece runs and prints what stands below it, the
 * pictures are those that the programs draw, and the notebooks are the chapters.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { codeOf, picturesOf, readChapter } from "../../../commands/tour/chapter.ts";
import { CHAPTER_NAMES, loadChapter } from "../../../commands/tour/chapters.ts";
import { notebookOf } from "../../../commands/tour/notebook.ts";
import { programOf } from "../../../commands/tour/program.ts";
import { CHAPTERS, run } from "./support.ts";
import { inFolder } from "../../helpers/in_folder.ts";

const ROOT = fromFileUrl(new URL("../../../", import.meta.url));
const read = (path: string) => Deno.readTextFileSync(ROOT + path);

/** Words of an output whose numbers are a machine's own, and how many there are. */
const words = (text: string) =>
  text.replace(/\d+(\.\d+)?/g, "#").replace(/[ #]+/g, (gap) => gap.includes("#") ? " # " : " ");

for (const number of CHAPTERS) {
  Deno.test(`chapter ${number} of the tour prints and draws what it shows`, async () => {
    const { chapter, outputs, pictures } = await run(number);
    codeOf(chapter).forEach(({ output, measured, line }, at) => {
      const [found, expected] = measured ? [words(outputs[at]), words(output)] : [outputs[at], output];
      assertEquals(found, expected, `what the piece on line ${line} of ${chapter.name}.md prints`);
    });
    const shown = picturesOf(chapter);
    assertEquals([...pictures.keys()].sort(), [...new Set(shown)].sort());
    for (const [name, svg] of pictures) {
      assert(
        svg === read(`docs/tour/pictures/${name}`),
        `expected ${name} as the chapter draws it: deno task tour:update`,
      );
    }
  });
}

Deno.test("the programs of the tour pass the type check", async () => {
  await inFolder(async (folder) => {
    const files = await Promise.all(CHAPTERS.map(async (number) => {
      const chapter = await loadChapter(number);
      const file = `${folder}/${chapter.name}.ts`;
      await Deno.writeTextFile(file, programOf(chapter, { separated: false }));
      return file;
    }));
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", `${ROOT}deno.json`, ...files],
      env: { NO_COLOR: "1" },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  });
});

Deno.test("every file of the tour is a chapter, its picture or its notebook", async () => {
  const names = (path: string, ending: string) =>
    [...Deno.readDirSync(ROOT + path)].map(({ name }) => name).filter((name) => name.endsWith(ending)).sort();
  assertEquals(
    names("docs/tour", ".md").filter((name) => !["README.md", "reading-order.md", "glossary.md"].includes(name)),
    CHAPTER_NAMES.map((name) => `${name}.md`),
  );
  const chapters = await Promise.all(CHAPTERS.map(loadChapter));
  assertEquals(names("docs/tour/pictures", ".svg"), [...new Set(chapters.flatMap(picturesOf))].sort());
  assertEquals(names("docs/tour/notebooks", ".ipynb"), CHAPTER_NAMES.map((name) => `${name}.ipynb`));
  for (const chapter of chapters) {
    const path = `docs/tour/notebooks/${chapter.name}.ipynb`;
    assertEquals(read(path), notebookOf(chapter), `${path}: expected the chapter's own: deno task tour:update`);
  }
});

Deno.test("a chapter's pieces are told apart, with what they print", () => {
  const { title, parts } = readChapter(
    "x",
    "# T\n\nsome\n\n```ts\na();\n```\n\n```text\n1\n```\n\n```sh\nls\n```\n\n```ts\nb();\n```\n\n```text measured\n2 s\n```\n",
  );
  assertEquals(title, "T");
  assertEquals(parts.map((part) => part.kind), ["prose", "code", "prose", "code"]);
  assertEquals(
    codeOf({ name: "x", title, parts }).map(({ code, output, measured, line }) => [code, output, measured, line]),
    [
      ["a();", "1", false, 6],
      ["b();", "2 s", true, 18],
    ],
  );
});
