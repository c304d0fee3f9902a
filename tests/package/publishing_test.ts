/** What a person needs to publish a version: a package that JSR has nothing to say against, and a workflow that proves it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { parse } from "@std/yaml";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

Deno.test("a dry run of publishing complains of no slow type and of nothing else, and sends no tests", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, text);
  assertMatch(text, /Checking for slow types/);
  assertEquals(text.split("\n").filter((line) => /^\s*(warning|error)\b|--> /i.test(line)), []);
  const sent = [...text.matchAll(/^\s+file:\/\/(\S+) \(/gm)].map(([, path]) => path.slice(ROOT.length));
  for (const path of ["mod.ts", "README.md", "LICENSE", "CHANGELOG.md", "deno.json"]) assert(sent.includes(path), path);
  assertEquals(sent.filter((path) => /^(tests|bench|\.ci|\.github)\//.test(path)), []);
});

interface Job {
  readonly needs?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly { readonly run?: string; readonly uses?: string; readonly with?: Record<string, string> }[];
}

Deno.test("the workflow publishes a tag only after the checks and all tests, and without a secret", async () => {
  const text = await Deno.readTextFile(`${ROOT}.github/workflows/publish.yml`);
  const workflow = parse(text) as { // as GitHub reads it
    readonly on: Readonly<Record<string, { readonly tags?: readonly string[] }>>;
    readonly permissions: Readonly<Record<string, string>>;
    readonly jobs: Readonly<Record<string, Job>>;
  };
  assertEquals(workflow.on, { push: { tags: ["v*"] } });
  assertEquals(workflow.permissions, { contents: "read" });
  const { test, publish } = workflow.jobs;
  const runs = ({ steps }: Job) => steps.flatMap(({ run }) => run === undefined ? [] : [run.trim()]);
  for (const command of ["deno task check", "deno publish --dry-run", ".ci/run"]) {
    assert(runs(test).includes(command), `the tests of the workflow leave out ${command}`);
  }
  assert(runs(test).some((run) => run.includes("GITHUB_REF_NAME") && run.includes("deno.json")));
  assertEquals(runs(publish), ["deno publish"]);
  assertEquals([publish.needs, publish.permissions?.["id-token"]], ["test", "write"]);
  assert(!/secrets\./.test(text));
  // One version of Deno, that of continuous integration.
  const used = [test, publish].flatMap(({ steps }) => steps.map((step) => step.with?.["deno-version"]).filter(Boolean));
  const [, expected] = /deno@(\d+\.\d+\.\d+)/.exec(await Deno.readTextFile(`${ROOT}.ci/run`)) ?? [];
  assertEquals(used.map(String), [expected, expected]);
});
