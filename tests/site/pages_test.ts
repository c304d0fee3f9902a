import { assert, assertEquals } from "@std/assert";
import { definitionOf, pagesOf, placeOf, type Project } from "../../site/pages.ts";

/** A project in memory. */
function projectOf(files: Readonly<Record<string, string>>): Project {
  const paths = Object.keys(files);
  return {
    read: (path) => files[path],
    isFile: (path) => paths.includes(path),
    isFolder: (path) => paths.some((each) => each.startsWith(`${path}/`)),
    filesIn: (folder) =>
      paths.filter((each) => each.startsWith(`${folder}/`) && !each.slice(folder.length + 1).includes("/")),
  };
}

const FILES = {
  "README.md":
    "# R\n\n[tour](docs/tour/), [op](engine/op.ts), [ci](.ci/run), [web](https://example.org), ![p](docs/p.png), x[i](j)\n",
  "docs/tour/README.md": "# T\n\n[one](01-a.md#head) and [up](../../README.md)\n",
  "docs/tour/01-a.md":
    '# A\n\n```ts\nimport { type Op, run } from "dinograd/engine/mod.ts";\n```\n\n```text\n[no](link.md)\n```\n\n[ops](../../engine/ops/)\n',
  ".ci/run": "#!/bin/bash\n",
  "engine/mod.ts": 'export { type Op, run } from "./op.ts";\n',
  "engine/op.ts": "/** Op. */\nexport interface Op {}\n\nexport function run(): void {}\n",
  "engine/ops/a.ts": "export {};\n",
};

Deno.test("links lead to pages of the site, sources get one with numbered lines", () => {
  const pages = new Map(
    pagesOf(["README.md", "docs/tour/README.md", "docs/tour/01-a.md"], projectOf(FILES)).map((
      { path, text },
    ) => [path, text]),
  );
  assertEquals([...pages.keys()].sort(), [
    ...["docs/tour/01-a.md", "docs/tour/index.md", "index.md"],
    ...["source/ci/run.md", "source/engine/op.ts.md", "source/engine/ops.md"],
  ]);
  const front = pages.get("index.md")!;
  for (const link of ["[tour](./docs/tour/index.md)", "[op](./source/engine/op.ts.md)", "[ci](./source/ci/run.md)"]) {
    assert(front.includes(link), front);
  }
  assert(front.includes("[web](https://example.org), ![p](docs/p.png), x[i](j)"));
  assert(pages.get("docs/tour/index.md")!.includes("[one](../../docs/tour/01-a.md#head) and [up](../../index.md)"));
  assert(pages.get("source/engine/ops.md")!.includes("engine/ops/a.ts"));
});

Deno.test("below a program stand the lines that define what it imports; other fences stay as they are", () => {
  const page = pagesOf(["docs/tour/01-a.md"], projectOf(FILES)).find(({ path }) => path === "docs/tour/01-a.md")!.text;
  assert(page.includes("Source: [Op](../../source/engine/op.ts.md#L2), [run](../../source/engine/op.ts.md#L4)"), page);
  assert(page.includes("```text\n[no](link.md)\n```"));
});

Deno.test("definitions are followed through files that pass them on", () => {
  assertEquals(definitionOf("run", "engine/mod.ts", projectOf(FILES)), { path: "engine/op.ts", line: 4 });
  assertEquals(definitionOf("none", "engine/mod.ts", projectOf(FILES)), { path: "engine/mod.ts", line: 0 });
  assertEquals(placeOf("docs/detect.md"), "docs/detect.md");
});
