/**
 * A process that wants a folder again and again: `lock_child.ts FOLDER ROUNDS SEED kernel|none`. While it holds the lock
 * it leaves a mark that says so; whoever finds the mark of a process that lives has found two holders. Prints how often
 * it held the lock and how often it was refused. With 0 rounds it takes the lock once, says so, and keeps it until its
 * standard input ends.
 */
import { type FileLayer, lockFolder } from "../../../checkpoint/mod.ts";
import { nodeFiles } from "../../../platform/node_files.ts";
import { nodeProcesses } from "../../../platform/processes.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { kernelLocks, noKernelLocks } from "../../../platform/kernel_locks.ts";

/** Milliseconds that the mark of a killed process may look alive: until its parent has noticed. */
const PATIENCE = 10_000;

const [folder, rounds, seed, kind] = [Deno.args[0], Number(Deno.args[1]), Number(Deno.args[2]), Deno.args[3]];
const random = RandomStream.named(seed, "lock child");
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Held up now and then before whatever it does. */
async function delay(): Promise<void> {
  if (random.int(4) === 0) await sleep(random.int(4));
}
const files: FileLayer = {
  ...nodeFiles,
  open: async (path, mode) => (await delay(), await nodeFiles.open(path, mode)),
  link: async (from, to) => (await delay(), await nodeFiles.link?.(from, to)),
  rename: async (from, to) => (await delay(), await nodeFiles.rename(from, to)),
  remove: async (path) => (await delay(), await nodeFiles.remove(path)),
};
const options = { files, locks: kind === "kernel" ? kernelLocks() : noKernelLocks("this is a test") };

async function mark(): Promise<void> {
  const path = `${folder}/mark`;
  const until = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await Deno.writeTextFile(path, String(Deno.pid), { createNew: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    const holder = Number(await Deno.readTextFile(path).catch(() => ""));
    if (holder === 0 || !nodeProcesses().isAlive(holder)) await Deno.remove(path).catch(() => {});
    else if (performance.now() > until) {
      console.error(`two holders: ${Deno.pid} and ${holder}`);
      Deno.exit(9);
    } else await sleep(20);
  }
}

if (rounds === 0) {
  await using _lock = await lockFolder(folder, { locks: options.locks });
  console.log("held");
  await Deno.stdin.readable.pipeTo(new WritableStream());
} else {
  let [held, refused] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    try {
      await using _lock = await lockFolder(folder, options);
      await mark();
      held++;
      await delay();
      await Deno.remove(`${folder}/mark`);
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      refused++;
      await sleep(random.int(3));
    }
  }
  console.log(JSON.stringify({ held, refused }));
}
