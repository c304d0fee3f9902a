/** Configuration files from strangers: small files that would fill memory or never end, and what messages repeat of them. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type ConfigObject, loadConfig, resolveConfig } from "../../../detector/config/mod.ts";
import { parsePythonConfig } from "../../../detector/config/python_config.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";

/** The one short line of a refusal, which came at once. */
async function refusal(files: Readonly<Record<string, string>>, name = Object.keys(files)[0]): Promise<string> {
  const start = performance.now();
  const readText = (path: string) =>
    path in files ? Promise.resolve(files[path]) : Promise.reject(new Error("not there"));
  const error = await assertRejects(() => loadConfig(name, { readText }), DinogradError);
  assertEquals(error.kind, "usage");
  assert(!error.message.includes("\n"), error.message);
  assert(error.message.length < 600, `${error.message.length} characters`);
  assert(performance.now() - start < 3000);
  return error.message;
}

const forty = (line: string) => `${line}\n`.repeat(40);
const python: Readonly<Record<string, readonly [text: string, message: string]>> = {
  "a text that is doubled 40 times": [
    `a = 'ab'\n${forty("a = a + a")}`,
    "a value of at most 100000 items and characters",
  ],
  "a list that is doubled 40 times": [
    `a = [1]\n${forty("a = a + a")}`,
    "a value of at most 100000 items and characters",
  ],
  "a list that holds itself twice, 40 times": [`a = [1]\n${forty("a = [a, a]")}lr = a`, "a value of at most 100000"],
  "a dict that holds itself twice, 40 times": [
    `a = dict()\n${forty("a = dict(b=a, c=a)")}lr = a`,
    "a value of at most",
  ],
  "a list that is repeated and repeated": ["a = [1] * 9999\nb = [a] * 9999\n", "a value of at most 100000"],
  "a list that grows by one, ten thousand times": [
    `a = []\n${"a = a + [1]\n".repeat(10_000)}`,
    "2000000 items and characters in all",
  ],
  "ten thousand powers of powers": [`lr = ${"2**".repeat(10_000)}2`, "at most 100 levels of nesting"],
  "ten thousand brackets": [`lr = ${"[".repeat(10_000)}`, "at most 100 levels of nesting"],
  "a name of a megabyte": [`${"x".repeat(1_000_000)} = 1`, "expected a config key but found xxxxxxxx"],
  "a value of a megabyte": [`lr = 7${"x".repeat(100_000)}`, "expected a number but found 7x"],
  "a list of a hundred thousand scales": [
    `data_aug_scales = [${"64,".repeat(50_000)}]`,
    "(at most 1000 items) but found [64, 64",
  ],
  "characters that steer a terminal": ["lr = \x1b[2J", "but found \\u001b"],
};
for (const [what, [text, message]] of Object.entries(python)) {
  Deno.test(`a configuration with ${what} is refused at once, in one short line`, async () => {
    assertStringIncludes(await refusal({ "a.py": text }), message);
  });
}

Deno.test("a configuration may have more than a hundred negative numbers", () => {
  const numbers = Array.from({ length: 150 }, (_, i) => -i - 1);
  assertEquals(
    parsePythonConfig(`a = [${numbers.join(", ")}]`, "a.py"),
    parsePythonConfig(`a = ${JSON.stringify(numbers)}`, "b.py"),
  );
  assertEquals({ ...parsePythonConfig(`a = [${numbers.join(", ")}]`, "a.py") }, { a: numbers });
});

Deno.test("a JSON configuration is bounded in depth and in what is repeated of it", async () => {
  const deep = `{"lr": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  assertStringIncludes(await refusal({ "a.json": deep }), "at most 100 levels of nesting");
  const key = JSON.stringify({ [`a\nb${"x".repeat(3_000_000)}`]: 1 });
  assertStringIncludes(await refusal({ "a.json": key }), "expected a config key but found a\\nbxxx");
  const value = JSON.stringify({ lr: "y".repeat(3_000_000) });
  assertStringIncludes(await refusal({ "a.json": value }), "expected lr to be a number");
});

Deno.test("each base is read once, however often it is named, and there are at most a hundred of them", async () => {
  // Twenty levels that name the next one twice would be 2^20 reads.
  const files: Record<string, string> = {};
  for (let level = 0; level < 20; level++) files[`${level}.py`] = `_base_ = ['${level + 1}.py', '${level + 1}.py']\n`;
  files["20.py"] = "";
  let reads = 0;
  const readText = (path: string) => {
    reads++;
    return Promise.resolve(files[path]);
  };
  await loadConfig("0.py", { readText });
  assertEquals(reads, 21);
  files["20.py"] = "_base_ = '0.py'";
  assertStringIncludes(await refusal(files), "without a circle");
  const names = Array.from({ length: 200 }, (_, i) => `b${i}.py`);
  const wide = Object.fromEntries(names.map((name) => [name, ""]));
  assertStringIncludes(
    await refusal({ "a.py": `_base_ = ${JSON.stringify(names)}`, ...wide }),
    "at most 100 files in all",
  );
});

Deno.test("a configuration file is a regular file of at most a megabyte", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/large.py`, "#".repeat(2 ** 20 + 1));
    const message = async (name: string) =>
      (await assertRejects(() => loadConfig(`${folder}/${name}`), DinogradError)).message;
    assertStringIncludes(await message("large.py"), "it has 1048577 bytes, more than the 1048576 that are allowed");
    if (Deno.build.os === "windows") return;
    await Deno.writeTextFile(`${folder}/a.py`, "_base_ = 'zero.py'");
    await Deno.symlink("/dev/zero", `${folder}/zero.py`);
    assertStringIncludes(await message("a.py"), "it is a pipe, a device or the like");
    assertStringIncludes(await message("a.py"), `(a _base_ of ${folder}/a.py)`);
  }));

Deno.test("the values of a configuration in a bundle are held to the same bounds", () => {
  const long = Array.from({ length: 100_000 }, () => 64);
  const cases: ConfigObject[] = [{ data_aug_scales: long }, { lr: "x".repeat(1e6) }, { ["k".repeat(1e6)]: 1 }];
  for (const given of cases) {
    try {
      resolveConfig(given, { source: "a.dino, config" });
    } catch (error) {
      assert(error instanceof DinogradError && error.message.length < 600);
      continue;
    }
    throw new Error("expected a refusal");
  }
});
