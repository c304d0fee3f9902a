import { assert, assertEquals, assertRejects } from "@std/assert";
import type { LockOptions } from "../../../checkpoint/files/lock.ts";
import { LOCK_NAME } from "../../../checkpoint/files/lock_chain.ts";
import { LockError, lockFolder } from "../../../checkpoint/mod.ts";
import { kernelLocks, noKernelLocks } from "../../../platform/kernel_locks.ts";
import { RandomStream } from "../../../engine/random.ts";
import { lockRound, PROTECTIONS } from "../../helpers/lock_rounds.ts";
import { MemoryKernel } from "../../helpers/memory_locks.ts";
import { nodeProcesses, type Processes } from "../../../platform/processes.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { FaultyFiles, MemoryFiles, systemError } from "../../helpers/memory_files.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { assertSpyCallArgs, assertSpyCalls, spy, stub } from "@std/testing/mock";

/** Said where there are no locks of the kernel. */
const FILE_ALONE = "a file alone keeps other runs away, for its files are not the system's";

/** A process table of a test: who asks, and which numbers run under which identity. */
function processes(pid: number, running: Record<number, string> = {}, host = "here"): Processes {
  const table: Record<number, string> = { [pid]: `boot/${pid}`, ...running };
  return {
    pid,
    host,
    namespace: "pid:[1]",
    identity: (other) => table[other] ?? "",
    isAlive: (other) => other in table,
  };
}

/** What a process with locks of the kernel locks folders with. */
function withKernel(pid: number, { files, kernel, others = {} }: {
  readonly files: MemoryFiles;
  readonly kernel: MemoryKernel;
  readonly others?: Partial<Processes>;
}): LockOptions {
  return { files, locks: kernel.locksOf(pid, files), processes: { ...processes(pid), ...others } };
}

Deno.test("a second run is refused with the name of the first, and let in when that has gone", async () => {
  const files = new MemoryFiles();
  const lock = await lockFolder("out", { files, processes: processes(10) });
  assertEquals(lock.message, `out: ${FILE_ALONE}`);
  await assertRejects(
    () => lockFolder("out", { files, processes: processes(20, { 10: "boot/10" }) }),
    DinogradError,
    `out: expected no other run but found process 10 on here writing it; stop that run, choose another folder, or remove out/${LOCK_NAME} if it is gone`,
  );
  await lock.release();
  assertEquals((await lockFolder("out", { files, processes: processes(20) })).message, `out: ${FILE_ALONE}`);
});

Deno.test("the lock of a dead process of this host is taken over, with a message", async () => {
  const files = new MemoryFiles();
  const dead = await lockFolder("out", { files, processes: processes(10) });
  const lock = await lockFolder("out", { files, processes: processes(20) });
  assertEquals(lock.message, `out: took over the lock of process 10, which is gone; out: ${FILE_ALONE}`);
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
    `out: took over the lock of an earlier process 7, which is gone; out: ${FILE_ALONE}`,
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
    `out: took over an unreadable lock; out: ${FILE_ALONE}`,
  );
});

Deno.test("a lock that a full disk does not take is told in one line and leaves no file", async () => {
  for (const at of [1, 2]) { // the write, the sync
    const disk = new MemoryFiles();
    const files = new FaultyFiles(disk, { fault: "no space", at });
    await assertRejects(
      () => lockFolder("out", { files, processes: processes(10) }),
      DinogradError,
      `out/${LOCK_NAME}: expected to make it but no space is left`,
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
    assertEquals(files.names, [`out/${LOCK_NAME}`]);
  }
});

for (const protection of PROTECTIONS) {
  Deno.test(`never two holders in 1,000 rounds of runs that are held up and killed anywhere, with locks of the kernel on ${protection}`, async () => {
    const sum = { held: 0, refused: 0, killed: 0 };
    for (let round = 0; round < 1000; round++) {
      const { held, refused, killed } = await lockRound(
        RandomStream.named(round, `locks on ${protection}`),
        protection,
      );
      sum.held += held;
      sum.refused += refused;
      sum.killed += killed;
    }
    assert(sum.held > 500 && sum.refused > 500 && sum.killed > 500, JSON.stringify(sum));
  });
}

Deno.test("a kernel that holds the lock is believed: neither another container's process 1 nor an unreadable file lets a second run in", async () => {
  for (const damage of [false, true]) {
    const [files, kernel] = [new MemoryFiles(), new MemoryKernel()];
    const lock = await lockFolder("out", withKernel(1, { files, kernel }));
    assertEquals(lock.message, null);
    if (damage) files.get(`out/${LOCK_NAME}`).fill(0);
    const other = { namespace: "pid:[2]", identity: () => "boot/later" };
    const { message } = await assertRejects(
      () => lockFolder("out", { ...withKernel(1, { files, kernel, others: other }), locks: kernel.locksOf(2, files) }),
      DinogradError,
    );
    const who = damage ? "a run (its lock is unreadable)" : "process 1 of another container on here";
    assertEquals(
      message,
      `out: expected no other run but found ${who} writing it; stop that run or choose another folder`,
    );
  }
});

Deno.test("without locks of the kernel another container's lock is respected, and the message says what to remove", async () => {
  const files = new MemoryFiles();
  await lockFolder("out", { files, processes: processes(1) });
  const other: Processes = { ...processes(1), namespace: "pid:[2]", identity: () => "boot/later" };
  await assertRejects(
    () => lockFolder("out", { files, processes: other }),
    DinogradError,
    `found process 1 of another container on here writing it; stop that run, choose another folder, or remove out/${LOCK_NAME}`,
  );
  const rebooted: Processes = { ...other, identity: () => "next boot/5" };
  assertEquals(
    (await lockFolder("out", { files, processes: rebooted })).message,
    `out: took over the lock of an earlier process 1, which is gone; out: ${FILE_ALONE}`,
  );
});

Deno.test("a killed run's lock of the kernel is gone with it, also where its process cannot be asked; another machine's is respected", async () => {
  const [files, kernel] = [new MemoryFiles(), new MemoryKernel()];
  await lockFolder("out", withKernel(1, { files, kernel }));
  kernel.end(1);
  const container = { host: "other name", namespace: "pid:[2]", identity: () => "boot/9" };
  const next = await lockFolder("out", withKernel(1, { files, kernel, others: container }));
  assertEquals(next.message, "out: took over the lock of process 1, which is gone");
  kernel.end(1);
  const machine = { host: "elsewhere", identity: () => "another boot/9" };
  await assertRejects(
    () => lockFolder("out", withKernel(1, { files, kernel, others: machine })),
    DinogradError,
    `found process 1 on other name writing it; stop that run, choose another folder, or remove out/${LOCK_NAME}`,
  );
});

Deno.test("a lock that is removed, replaced or copied by hand is noticed, and nothing of another run is removed", async () => {
  const path = `out/${LOCK_NAME}`;
  for (const byHand of ["removed", "replaced", "copied"] as const) {
    const [files, kernel] = [new MemoryFiles(), new MemoryKernel()];
    const lock = await lockFolder("out", withKernel(1, { files, kernel }));
    await lock.requireHeld();
    const bytes = files.get(path);
    await files.remove(path);
    if (byHand === "copied") files.put(path, bytes);
    if (byHand === "replaced") await lockFolder("out", { files, processes: processes(2) });
    const found = { removed: "none: it was removed", replaced: "that of process 2 on here", copied: "a copy of it" };
    await assertRejects(() => lock.requireHeld(), LockError, `the lock of this run but found ${found[byHand]}; `);
    await lock.release();
    assertEquals(files.names, byHand === "removed" ? [] : [path]);
  }
});

Deno.test("while a run lives, removing its lock file lets no second run in where the kernel locks folders", async () => {
  const [files, kernel] = [new MemoryFiles(), new MemoryKernel()];
  const lock = await lockFolder("out", withKernel(1, { files, kernel }));
  await files.remove(`out/${LOCK_NAME}`);
  await assertRejects(
    () => lockFolder("out", withKernel(2, { files, kernel })),
    DinogradError,
    "out: expected no other run but found one, though its lock file was removed; stop that run or choose another folder",
  );
  await lock.release();
  await (await lockFolder("out", withKernel(2, { files, kernel }))).release();
});

Deno.test("a lock that cannot be given up is a warning and not an error", async () => {
  const files = new MemoryFiles();
  const remove = files.remove.bind(files);
  using _readOnly = stub(
    files,
    "remove",
    (path: string) => path.endsWith(LOCK_NAME) ? Promise.reject(systemError("EROFS")) : remove(path),
  );
  const warn = spy();
  const failure = await assertRejects(async () => {
    await using _lock = await lockFolder("out", {
      files,
      processes: processes(1),
      warn,
    });
    throw new DinogradError("interrupted", "what really happened");
  });
  assertEquals(failure instanceof DinogradError && failure.message, "what really happened");
  assertSpyCalls(warn, 1);
  assertSpyCallArgs(warn, 0, [
    `out/${LOCK_NAME}: expected to remove the lock but the disk is read-only; the next run takes it over`,
  ]);
});

Deno.test("a real lock file tells this process from one that has ended", () =>
  inFolder(async (folder) => {
    const command = new Deno.Command(Deno.execPath(), { args: ["eval", "console.log(Deno.pid)"], stdout: "piped" });
    const pid = Number(new TextDecoder().decode((await command.output()).stdout));
    const mine = nodeProcesses();
    assertEquals([mine.isAlive(mine.pid), mine.isAlive(pid)], [true, false]);
    const dead = { ...mine, pid, identity: () => "" };
    await lockFolder(folder, { processes: dead, locks: noKernelLocks("this is a test") });
    await using lock = await lockFolder(folder);
    assertEquals(lock.message, `${folder}: took over the lock of process ${pid}, which is gone`);
    await assertRejects(() => lockFolder(folder), DinogradError, `process ${mine.pid}`);
  }));

Deno.test(
  "a real folder is locked by the kernel: its lock file may be removed or replaced, and still nobody else gets in",
  {
    ignore: kernelLocks().absence !== null,
  },
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/${LOCK_NAME}`;
      const lock = await lockFolder(folder);
      assertEquals([lock.message, await lock.isHeld(), await lock.isFolderGone()], [null, true, false]);
      const text = await Deno.readTextFile(path);
      await Deno.remove(path);
      await assertRejects(() => lockFolder(folder), DinogradError, "one, though its lock file was removed");
      await Deno.writeTextFile(path, text);
      await assertRejects(() => lock.requireHeld(), LockError, "found a copy of it");
      await assertRejects(() => lockFolder(folder), DinogradError, `found process ${Deno.pid}`);
      await lock.release();
      await using next = await lockFolder(folder);
      assertEquals(next.message, `${folder}: took over the lock of process ${Deno.pid}, which is gone`);
      await Deno.remove(folder, { recursive: true });
      assertEquals([await next.isHeld(), await next.isFolderGone()], [false, true]);
      await Deno.mkdir(folder);
      assertEquals(await next.isFolderGone(), true);
    }),
);

Deno.test("a lock planted as a link is neither followed nor taken over", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/elsewhere`, "precious");
    await Deno.mkdir(`${folder}/out`);
    await Deno.symlink(`${folder}/elsewhere`, `${folder}/out/${LOCK_NAME}`);
    await assertRejects(
      () => lockFolder(`${folder}/out`),
      DinogradError,
      `${LOCK_NAME}: expected to read it as a lock file but it is a link or no file of its own`,
    );
    assertEquals(await Deno.readTextFile(`${folder}/elsewhere`), "precious");
    assertEquals((await Array.fromAsync(Deno.readDir(`${folder}/out`))).map(({ name }) => name), [LOCK_NAME]);
  }));
