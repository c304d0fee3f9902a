import { assert, assertEquals, assertRejects } from "@std/assert";
import { type FolderLock, LOCK_NAME, lockFolder } from "../../checkpoint/mod.ts";
import { nodeProcesses, type Processes } from "../../checkpoint/files/node_files.ts";
import { DinogradError } from "../../engine/errors.ts";
import { FaultyFiles, MemoryFiles } from "./memory_files.ts";
import { inFolder } from "../helpers/in_folder.ts";

/** A process table of a test: who asks, and which numbers run under which identity. */
function processes(pid: number, running: Record<number, string> = {}, host = "here"): Processes {
  const table: Record<number, string> = { [pid]: `boot/${pid}`, ...running };
  return { pid, host, identity: (other) => table[other] ?? "", isAlive: (other) => other in table };
}

Deno.test("a second run is refused with the name of the first, and let in when that has gone", async () => {
  const files = new MemoryFiles();
  const lock = await lockFolder("out", { files, processes: processes(10) });
  assertEquals(lock.message, null);
  await assertRejects(
    () => lockFolder("out", { files, processes: processes(20, { 10: "boot/10" }) }),
    DinogradError,
    "out: expected no other run but found process 10 on here",
  );
  await lock.release();
  assertEquals((await lockFolder("out", { files, processes: processes(20) })).message, null);
});

Deno.test("the lock of a dead process of this host is taken over, with a message", async () => {
  const files = new MemoryFiles();
  const dead = await lockFolder("out", { files, processes: processes(10) });
  const lock = await lockFolder("out", { files, processes: processes(20) });
  assertEquals(lock.message, "out: took over the lock of process 10, which is gone");
  assertEquals([await dead.isHeld(), await lock.isHeld()], [false, true]);
  await dead.release();
  assertEquals(await lock.isHeld(), true);
  assertEquals(files.names, [`out/${LOCK_NAME}`]);
});

Deno.test("the lock of an earlier process with the same number, as in a restarted container, is taken over", async () => {
  const files = new MemoryFiles();
  await lockFolder("out", { files, processes: processes(7) });
  const restarted: Processes = { ...processes(7), identity: () => "later boot/7" };
  assertEquals(
    (await lockFolder("out", { files, processes: restarted })).message,
    "out: took over the lock of an earlier process 7, which is gone",
  );
});

Deno.test("the lock of another host is respected", async () => {
  const files = new MemoryFiles();
  await lockFolder("out", { files, processes: processes(10, {}, "elsewhere") });
  await assertRejects(
    () => lockFolder("out", { files, processes: processes(20) }),
    DinogradError,
    "process 10 on elsewhere",
  );
});

Deno.test("a lock file torn by a kill is taken over", async () => {
  const files = new MemoryFiles();
  files.put(`out/${LOCK_NAME}`, new TextEncoder().encode('{"pid": 1'));
  assertEquals(
    (await lockFolder("out", { files, processes: processes(20) })).message,
    "out: took over an unreadable lock",
  );
});

Deno.test("a run that takes over a stale lock leaves the one alone that another has made meanwhile", async () => {
  const files = new MemoryFiles();
  const running = { 20: "boot/20", 30: "boot/30" };
  await lockFolder("out", { files, processes: processes(10) });
  let other: FolderLock | undefined;
  const open = files.open.bind(files);
  files.open = async (path, mode) => {
    if (path.endsWith(".takeover") && mode === "exclusive" && !other) {
      files.open = open; // both have found the stale lock; the other one is quicker
      other = await lockFolder("out", { files, processes: processes(30, running) });
    }
    return await open(path, mode);
  };
  await assertRejects(
    () => lockFolder("out", { files, processes: processes(20, running) }),
    DinogradError,
    "found one that has just started there",
  );
  assertEquals(await other?.isHeld(), true);
  assertEquals(files.names, [`out/${LOCK_NAME}`]);
});

Deno.test("a lock that a full disk does not take is told in one line and leaves no file", async () => {
  for (const at of [1, 2]) { // the write, the sync
    const disk = new MemoryFiles();
    const files = new FaultyFiles(disk, { fault: "no space", at });
    await assertRejects(
      () => lockFolder("out", { files, processes: processes(10) }),
      DinogradError,
      `out/${LOCK_NAME}: expected to create it but found no space left`,
    );
    assertEquals(disk.names, []);
  }
});

Deno.test("of many runs that find one stale lock, exactly one gets it", async () => {
  for (let round = 0; round < 20; round++) {
    const files = new MemoryFiles();
    await lockFolder("out", { files, processes: processes(1) });
    const all: Record<number, string> = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [100 + index, `boot/${100 + index}`]),
    );
    const results = await Promise.allSettled(
      Object.keys(all).map((pid) => lockFolder("out", { files, processes: processes(Number(pid), all) })),
    );
    assertEquals(results.filter(({ status }) => status === "fulfilled").length, 1);
    assert(results.every((result) => result.status === "fulfilled" || result.reason instanceof DinogradError));
  }
});

Deno.test("a real lock file tells this process from one that has ended", () =>
  inFolder(async (folder) => {
    const command = new Deno.Command(Deno.execPath(), { args: ["eval", "console.log(Deno.pid)"], stdout: "piped" });
    const pid = Number(new TextDecoder().decode((await command.output()).stdout));
    const mine = nodeProcesses();
    assertEquals([mine.isAlive(mine.pid), mine.isAlive(pid)], [true, false]);
    await lockFolder(folder, { processes: { ...mine, pid, identity: () => "" } });
    await using lock = await lockFolder(folder);
    assertEquals(lock.message, `${folder}: took over the lock of process ${pid}, which is gone`);
    await assertRejects(() => lockFolder(folder), DinogradError, `process ${mine.pid}`);
  }));
