import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DinogradError } from "../../engine/errors.ts";
import { filesIn } from "./damage.ts";
import { runFuzz } from "./runner.ts";
import { type FuzzTarget, judge } from "./target.ts";
import { FUZZ_TARGETS } from "./targets.ts";

/** Enough to meet every kind of damage some times, few enough for some seconds over all targets. */
const CASES = 500;

for (const target of FUZZ_TARGETS) {
  Deno.test(`every file of the fuzzer's corpus for ${target.name} is read or refused within bounds`, async () => {
    for (const input of filesIn(`fuzz/corpus/${target.name}`, /./)) await judge(target, input);
  });

  Deno.test(`${CASES} hostile files for ${target.name} are read or refused within bounds`, async () => {
    const task = { target: target.name, seed: 1, from: 0, cases: CASES, seconds: 600 };
    const { read, refused, findings } = await runFuzz(task);
    assertEquals(findings, []);
    assertEquals(read + refused, CASES);
    assert(refused >= CASES * target.shares.refused, `only ${refused} of ${CASES} files were refused`);
    assert(read >= CASES * target.shares.read, `only ${read} of ${CASES} files were read`);
  });
}

Deno.test("the names of targets differ, and each corpus belongs to one", () => {
  const names = FUZZ_TARGETS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { name } of Deno.readDirSync(new URL("corpus/", import.meta.url))) assert(names.includes(name), name);
});

const target = (read: () => void): FuzzTarget => ({
  name: "rule",
  kinds: ["data"],
  shares: { refused: 0, read: 0 },
  make: () => ({ name: "a", bytes: new Uint8Array() }),
  read: () => Promise.resolve(read()),
});
const input = { name: "a", bytes: new Uint8Array() };
const refusal = (message: string, kind: "data" | "config" = "data") =>
  target(() => {
    throw new DinogradError(kind, message);
  });

Deno.test("the rule of the fuzzer takes a result and one short line of the right kind, and nothing else", async () => {
  assertEquals(await judge(target(() => {}), input), "read");
  assertEquals(await judge(refusal("a: expected b"), input), "refused");
  await assertRejects(() => judge(refusal("expected\nb"), input), Error, "one line");
  await assertRejects(() => judge(refusal("x".repeat(1e6)), input), Error, "1000000 characters");
  await assertRejects(() => judge(refusal("no", "config"), input), DinogradError, "no");
  await assertRejects(() => judge(target(() => void JSON.parse("{")), input), SyntaxError);
});

Deno.test("a reader that hangs, takes all memory or ends its process is found, and the cases after it are run", async () => {
  const task = { target: "pth", seed: 1, from: 0, cases: 6, seconds: 120 };
  const outcome = await runFuzz(task, { script: "misbehaving_child.ts", hanging: 8000 });
  assertEquals([outcome.read, outcome.next], [3, 6]);
  const [hang, memory, exit] = outcome.findings;
  assertEquals([hang.number, memory.number, exit.number], [1, 2, 4]);
  assertStringIncludes(hang.problem, "expected an end but found none");
  assertStringIncludes(memory.problem, "bytes of memory");
  assertStringIncludes(exit.problem, "exit code 9");
});
