/** The exercises of the tour: every test passes with the solution, and every file of tests fails without it. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { inFolder } from "../../helpers/in_folder.ts";

const FOLDER = fromFileUrl(new URL("../../../docs/tour/exercises/", import.meta.url));
const names = (folder: string) => [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => name);
const tests = names(FOLDER).filter((name) => name.endsWith("_test.ts")).sort();

/** Runs all tests of the exercises: for each file, how many there are and how many failed. */
async function outcomes(solutions: boolean): Promise<Record<string, { tests: number; failures: number }>> {
  return await inFolder(async (folder) => {
    await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--quiet", `--junit-path=${folder}/result.xml`, FOLDER],
      env: { SOLUTIONS: solutions ? "1" : "0", NO_COLOR: "1" },
      stdout: "null",
      stderr: "null",
    }).output();
    const xml = await Deno.readTextFile(`${folder}/result.xml`);
    const suites = [
      ...xml.matchAll(/<testsuite name="([^"]*)" tests="(\d+)" disabled="\d+" errors="(\d+)" failures="(\d+)"/g),
    ];
    return Object.fromEntries(suites.map(([, name, tests, errors, failures]) => [
      name.slice(name.lastIndexOf("/") + 1),
      { tests: Number(tests), failures: Number(errors) + Number(failures) },
    ]));
  });
}

Deno.test("every exercise has a file for the reader, tests, a solution and a place in the list", () => {
  const exercises = tests.map((name) => name.replace("_test.ts", ".ts"));
  const list = Deno.readTextFileSync(`${FOLDER}README.md`);
  assertEquals(names(FOLDER).filter((name) => /^\d\d-.*(?<!_test)\.ts$/.test(name)).sort(), exercises);
  assertEquals(names(`${FOLDER}solutions`).sort(), exercises);
  assertEquals(exercises.filter((name) => !list.includes(`\`${name}\``)), []);
});

Deno.test("the tests of the exercises pass with the solutions", async () => {
  const found = await outcomes(true);
  assertEquals(Object.keys(found).sort(), tests);
  assertEquals(Object.entries(found).filter(([, { tests, failures }]) => tests === 0 || failures > 0), []);
});

Deno.test("the tests of every exercise fail until it is written", async () => {
  const found = await outcomes(false);
  assertEquals(tests.filter((name) => (found[name]?.failures ?? 1) === 0), []);
});
