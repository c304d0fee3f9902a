/**
 * The examples that people copy are programs that work: the one of the README and those at the head of the package's
 * three faces. They import the package by its name, as a reader does.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const FACES = ["mod.ts", "engine/mod.ts", "checkpoint/mod.ts"];

/** The TypeScript of a document's fences, or of a module's first comment. */
function examplesIn(path: string): string[] {
  const text = Deno.readTextFileSync(ROOT + path);
  const prose = path.endsWith(".ts") ? text.slice(0, text.indexOf("*/")).replace(/^ \* ?/gm, "") : text;
  return [...prose.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
}

interface Outcome {
  readonly success: boolean;
  readonly output: string;
  readonly errors: string;
}

/** Writes the programs into a folder that is removed again and starts deno there, with the project's settings. */
async function deno(verb: "check" | "run", programs: readonly string[]): Promise<Outcome> {
  const cwd = await Deno.makeTempDir();
  try {
    const names = programs.map((_, i) => `example_${i}.ts`);
    programs.forEach((program, i) => Deno.writeTextFileSync(`${cwd}/${names[i]}`, program));
    const args = [verb, ...(verb === "run" ? ["-A", "--no-check"] : []), "--config", `${ROOT}deno.json`, ...names];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd,
      env: { NO_COLOR: "1" },
    }).output();
    const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { success, output, errors };
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

Deno.test("the examples of the README and of the package's faces pass the type check", async () => {
  const examples = ["README.md", ...FACES].map(examplesIn);
  assertEquals(examples.map(({ length }) => length), [1, 1, 1, 1]);
  const { success, errors } = await deno("check", examples.flat());
  assert(success, errors);
});

Deno.test("the examples of engine and checkpoint print what they say", async () => {
  for (const face of FACES.slice(1)) {
    const [example] = examplesIn(face);
    const { success, output, errors } = await deno("run", [example]);
    assert(success, errors);
    const promised = /console\.log\(.*\); \/\/ (.*)$/m.exec(example)?.[1];
    const plain = (text: string | undefined) => text?.replace(/^Float32Array\(\d+\)/, "").replaceAll(/\s/g, "");
    assertEquals(plain(output), plain(promised));
  }
});
