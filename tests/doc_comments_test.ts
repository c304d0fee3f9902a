/** What an importer can name is described: every export of the package's faces has a comment of its own. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const FACES = ["mod.ts", "engine/mod.ts", "checkpoint/mod.ts"];

/** What `deno doc --lint` complains of, as pairs of a rule and the place that it names. */
async function complaints(): Promise<{ rule: string; path: string; line: number; column: number }[]> {
  const { stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...FACES],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return [...text.matchAll(/^error\[([\w-]+)\].*\n\s*--> (.+):(\d+):(\d+)$/gm)].map(([, rule, path, line, column]) => ({
    rule,
    path: path.replace(ROOT, ""),
    line: Number(line),
    column: Number(column),
  }));
}

Deno.test("every export has a comment, a full type, and refers to nothing that cannot be imported", async () => {
  const found = await complaints();
  // Members whose names say it all may go without a comment; so the rule is about what stands at the margin.
  const serious = found.filter(({ rule, path, line, column }) =>
    rule !== "missing-jsdoc" || column === 1 ||
    Deno.readTextFileSync(ROOT + path).split("\n")[line - 1].startsWith("export")
  );
  assert(found.length > 0, "expected complaints about members, or this test reads the output wrongly");
  assertEquals(serious.map(({ rule, path, line }) => `${rule}: ${path}:${line}`), []);
});
