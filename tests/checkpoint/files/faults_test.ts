import { assert, assertEquals, assertRejects } from "@std/assert";
import { readBundle, SaveError, type StateValue, writeBundle } from "../../../checkpoint/mod.ts";
import { type Crash, FAULTS, FaultyFiles, Killed, MemoryFiles } from "../../helpers/memory_files.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { smallContent, weights } from "../../helpers/bundle_contents.ts";

const PATH = "out/checkpoint.dino";
const CRASHES: readonly Crash[] = ["process", "power, folder old", "power, folder new"];

/** Which bundle is at the path, after reading all of it: a mixture or none throws. */
async function markerAt(files: MemoryFiles): Promise<number> {
  const { tensors, state } = await readBundle(PATH, { files });
  const marker = (state as { [key: string]: StateValue }).marker as number; // smallContent made it
  const expected = smallContent(marker);
  assertEquals(tensors, new Map(expected.tensors));
  return marker;
}

/** How many calls of the file layer an undisturbed save makes. */
async function countCalls(): Promise<number> {
  const files = new FaultyFiles(new MemoryFiles());
  await writeBundle(PATH, smallContent(), { files });
  return files.calls;
}

for (const fault of FAULTS) {
  Deno.test(`a save whose N-th call ${fault === "killed" ? "is killed" : `meets "${fault}"`} leaves the old or the new bundle, for every N`, async () => {
    const total = await countCalls();
    const outcomes = new Set<string>();
    for (let at = 0; at < total; at++) {
      const disk = new MemoryFiles();
      await writeBundle(PATH, smallContent(1), { files: disk });
      const files = new FaultyFiles(disk, { fault, at });
      let outcome = "saved";
      try {
        await writeBundle(PATH, smallContent(2), { files });
      } catch (error) {
        if (!(error instanceof SaveError)) throw error;
        outcome = error.cause instanceof Killed ? "killed" : error.code;
      }
      outcomes.add(outcome);
      for (const crash of CRASHES) {
        const marker = await markerAt(disk.after(crash));
        if (outcome === "saved") assertEquals(marker, 2, `call ${at}, ${crash}`);
        else assert(marker === 1 || marker === 2, `call ${at}, ${crash}: found ${marker}`);
      }
      if (outcome === "no_space" || outcome === "saved") {
        assertEquals(disk.names, [PATH], `call ${at} left a file behind`);
      }
      if (outcome === "no_space") assertEquals(await markerAt(disk), 1, `call ${at} touched the old bundle`);
    }
    const expected: Record<string, string[]> = {
      "fails once": ["saved"],
      "fails for good": ["write_failed"],
      "short write": ["saved"],
      "torn write": ["saved"],
      "no space": ["no_space", "write_failed"],
      killed: ["killed"],
    };
    assertEquals([...outcomes].sort(), expected[fault]);
  });
}

Deno.test("the order is write, sync, close, verify, rename, sync folder", async () => {
  const files = new FaultyFiles(new MemoryFiles());
  await writeBundle(PATH, smallContent(), { files });
  const steps: string[] = [];
  for (const entry of files.log) {
    const step = entry.replace(/\.tmp-[0-9a-f]{8}/g, ".tmp");
    if (step !== steps.at(-1)) steps.push(step);
  }
  const temporary = `${PATH}.tmp`;
  assertEquals(steps, [
    `open exclusive ${temporary}`,
    `write ${temporary}`,
    `sync ${temporary}`,
    `close ${temporary}`,
    `open read ${temporary}`,
    `size ${temporary}`,
    `read ${temporary}`,
    `close ${temporary}`,
    `rename ${temporary} ${PATH}`,
    "sync folder out",
  ]);
});

Deno.test("a full disk is told apart, with its cause", async () => {
  const files = new FaultyFiles(new MemoryFiles(), { fault: "no space", at: 2 });
  const error = await assertRejects(() => writeBundle(PATH, smallContent(), { files }), SaveError, "no space is left");
  assertEquals([error.code, error.kind], ["no_space", "checkpoint"]);
  assert(error.cause instanceof Error);
});

Deno.test("a save with workers meets a failing disk and ends, with nothing left behind", async () => {
  const disk = new MemoryFiles();
  await writeBundle(PATH, smallContent(1), { files: disk });
  const one = weights([1 << 20]);
  const tensors = new Map(Array.from({ length: 8 }, (_, index) => [`${index}`, one]));
  for (const at of [1, 4]) {
    const files = new FaultyFiles(disk, { fault: "no space", at });
    await assertRejects(() => writeBundle(PATH, { tensors, state: null }, { files }), SaveError, "no space is left");
    assertEquals(disk.names, [PATH]);
    assertEquals(await markerAt(disk), 1);
  }
});

Deno.test("a folder that does not exist is a write error at once", () =>
  inFolder(async (folder) => {
    const error = await assertRejects(
      () => writeBundle(`${folder}/none/a.dino`, smallContent()),
      SaveError,
      "none/a.dino: expected to save it but there is no such file or folder",
    );
    assertEquals(error.code, "write_failed");
  }));
