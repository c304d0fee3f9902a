/**
 * The examples that people copy are programs that work: those of the README and of the pages for importers, and those in
 * the comments of what the package exports. They import the package by its name, as a reader does.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { inFolder } from "./helpers/in_folder.ts";
import { webGpuRequired } from "./helpers/webgpu.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const { exports }: { exports: Record<string, string> } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
/** The entry points, but for the command line, whose example is a command. */
const FACES = Object.values(exports).map((path) => path.slice(2)).filter((path) => path !== "cli.ts");
const DOCUMENTS = ["README.md", "docs/importing.md", "docs/write-an-op.md", "docs/errors.md"];

/** The TypeScript in fences of a document, or of a module's comments. */
function examplesIn(path: string): string[] {
  const text = Deno.readTextFileSync(ROOT + path);
  const prose = path.endsWith(".ts") ? (text.match(/^ *\/\*\*$[\s\S]*?\*\//gm) ?? []).map(bare).join("\n") : text;
  return [...prose.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
}

/** A comment without its stars. */
const bare = (comment: string) => comment.replace(/^ *\* ?/gm, "");

function sourcesIn(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? sourcesIn(path) : name.endsWith(".ts") ? [path] : [];
  });
}

/** The programs in comments: fences that import the package. Others show a line or two of something else. */
const commented = ["mod.ts", ...["engine", "checkpoint", "detector", "entries"].flatMap(sourcesIn)]
  .flatMap(examplesIn).filter((example) => example.includes('from "@dinograd/dinograd'));
const examples = [...DOCUMENTS.flatMap(examplesIn), ...commented];

interface Outcome {
  readonly success: boolean;
  readonly output: string;
  readonly errors: string;
}

/**
 * Writes the programs into a folder that is removed again and starts deno there, with the project's settings, on the first
 * of them.
 */
async function deno(verb: "check" | "run", programs: readonly string[], first = programs.length): Promise<Outcome> {
  return await inFolder(async (cwd) => {
    const names = programs.map((_, i) => `example_${i}.ts`);
    programs.forEach((program, i) => Deno.writeTextFileSync(`${cwd}/${names[i]}`, program));
    const args = [
      verb,
      ...(verb === "run" ? ["-A", "--no-check"] : []),
      "--config",
      `${ROOT}deno.json`,
      ...names.slice(0, first),
    ];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd,
      env: { NO_COLOR: "1" },
    }).output();
    const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { success, output, errors };
  });
}

const BETWEEN = "=== the next example ===";

/** What an example says that it prints: a comment behind a `console.log` on one line. */
const promiseOf = (example: string) => /console\.log\(.*\); \/\/ (.*)$/m.exec(example)?.[1];

Deno.test("the examples of the documents and of the comments on what is exported pass the type check", async () => {
  assertEquals(DOCUMENTS.map((path) => examplesIn(path).length), [1, 11, 5, 1]);
  for (const [entry, path] of Object.entries(exports).filter(([, path]) => path !== "./cli.ts")) {
    const imported = `from "${`@dinograd/dinograd/${entry.slice(2)}`.replace(/\/$/, "")}"`;
    assert(examplesIn(path.slice(2))[0]?.includes(imported), `expected an example in ${path} that imports ${entry}`);
  }
  assert(commented.length > FACES.length, "expected examples in comments beside those of the faces");
  const { success, errors } = await deno("check", examples);
  assert(success, errors);
});

Deno.test("the examples that need no files of the reader print what they say", async () => {
  const runnable = examples.filter((example) =>
    promiseOf(example) !== undefined && !example.includes("street.jpg") &&
    (webGpuRequired() || !example.includes("createWebGpuDevice"))
  );
  assert(runnable.length >= 6, "expected the examples of the README, of pages and of comments");
  // One process for all: the first program runs the others, each behind a line of its own.
  const inTurn = runnable.map((_, i) => `console.log("${BETWEEN}");\nawait import("./example_${i + 1}.ts");`);
  const { success, output, errors } = await deno("run", [inTurn.join("\n"), ...runnable], 1);
  assert(success, errors);
  const plain = (text: string | undefined) => text?.replace(/^\s*Float32Array\(\d+\)/, "").replaceAll(/\s/g, "");
  assertEquals(output.split(BETWEEN).slice(1).map(plain), runnable.map(promiseOf).map(plain));
});
