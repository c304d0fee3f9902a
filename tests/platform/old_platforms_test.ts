/**
 * What the library may ask of a platform: the language and the objects of Node 20, and those of a page. JSR gives its
 * npm packages the syntax that it was sent, so that nothing is there to make new syntax old.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const LIBRARY = ["platform", "engine", "checkpoint", "detector"];
const ENTRIES = ["mod.ts", "engine/mod.ts", "checkpoint/mod.ts"];

/** Those of ECMAScript 2023, and what Node 20 and all browsers had before the editions that name it. */
const LIBRARIES = [
  "es2023",
  "es2024.string",
  "esnext.sharedmemory",
  "esnext.disposable",
  "dom",
  "dom.iterable",
  "dom.asynciterable",
];

/** The one file that asks what it runs on, and then uses what Deno alone has. */
const KNOWS_DENO = "platform/kernel_locks.ts";

function* sourcesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(ROOT + folder)) {
    if (isDirectory) yield* sourcesIn(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

Deno.test("no file of the library has `using` or the stacks of ES2026, which Node has not before 24, nor takes a navigator for granted, which it has not before 21", () => {
  const wrong = LIBRARY.flatMap((folder) => [...sourcesIn(folder)]).flatMap((path) =>
    Deno.readTextFileSync(ROOT + path).split("\n").flatMap((line, at) =>
      /^\s*(await )?using \w+ =|new (Async)?DisposableStack|new SuppressedError|(^|[^.`])\bnavigator\.\w/.test(line)
        ? [`${path}:${at + 1}: ${line.trim()}`]
        : []
    )
  );
  assertEquals(wrong, [], "`scoped`, `holding` and `opening` do the same where Node 20 and 22 are to read it");
});

Deno.test("the library's types need no object that Node 20 or a page lacks, and nothing of Deno's", async () => {
  const { compilerOptions, ...config } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const file = await Deno.makeTempFile({ dir: ROOT, prefix: ".old_platforms_", suffix: ".json" });
  try {
    await Deno.writeTextFile(
      file,
      JSON.stringify({ ...config, compilerOptions: { ...compilerOptions, lib: LIBRARIES } }),
    );
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--config", file, ...ENTRIES],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stderr);
    const places = [...text.matchAll(/^ +at (file:\S+):\d+:\d+$/gm)].map(([, url]) =>
      fromFileUrl(url).slice(ROOT.length)
    );
    assertEquals(places.filter((place) => place !== KNOWS_DENO), [], text);
    assert(code === 0 || places.length > 0, text);
  } finally {
    await Deno.remove(file);
  }
});
