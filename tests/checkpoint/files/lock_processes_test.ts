/** Locks between real processes: held up, killed, and in containers that know nothing of each other. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LOCK_NAME } from "../../../checkpoint/files/lock_chain.ts";
import { RandomStream } from "../../../engine/random.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { lockChild, lockProcesses, type RealProtection } from "./lock_processes.ts";

const PROTECTIONS: readonly RealProtection[] = ["kernel", "none", "mixed"];

Deno.test("never two holders among processes that are held up and killed, whatever locks of the kernel there are", async () => {
  // All at once: these processes spend their time waiting.
  await Promise.all(PROTECTIONS.map((protection) =>
    inFolder(async (folder) => {
      const random = RandomStream.named(1, `lock processes ${protection}`);
      const sum = await lockProcesses(folder, { processes: 3, rounds: 120, kills: 3, protection, random });
      assert(sum.held > 50 && sum.refused > 20, `${protection}: ${JSON.stringify(sum)}`);
      const left = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
      assertEquals(left.filter((name) => name.startsWith(LOCK_NAME) && !name.includes(".tmp-")), [], protection);
    })
  ));
});

/** Words before a command that give it a PID namespace of its own, where it is process 1; null where that cannot be had. */
async function namespacePrefix(): Promise<string[] | null> {
  const prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
  try {
    const { success, stderr } = await new Deno.Command(prefix[0], { args: [...prefix.slice(1), "true"] }).output();
    if (success) return prefix;
    console.log(`skipped: ${new TextDecoder().decode(stderr).trim()}`);
  } catch (error) {
    console.log(`skipped: ${error instanceof Error ? error.message : error}`);
  }
  return null;
}

for (const kind of ["kernel", "none"]) {
  Deno.test(`process 1 of one container is not taken for that of another, with locks of the kernel: ${kind}`, async (t) => {
    const prefix = await namespacePrefix();
    await t.step({
      name: "in two PID namespaces of one host name",
      ignore: prefix === null,
      fn: () =>
        inFolder(async (folder) => {
          const first = lockChild([folder, 0, 1, kind], { prefix: prefix ?? [], stdin: "piped" });
          const reader = first.stdout.getReader();
          assertStringIncludes(new TextDecoder().decode((await reader.read()).value), "held");
          const record = JSON.parse(await Deno.readTextFile(`${folder}/${LOCK_NAME}`));
          assertEquals(record.pid, 1);
          const second = await lockChild([folder, 1, 1, kind], { prefix: prefix ?? [] }).output();
          assertEquals(JSON.parse(new TextDecoder().decode(second.stdout)), { held: 0, refused: 1 });
          await first.stdin.close();
          await reader.cancel();
          await first.stderr.cancel();
          assertEquals((await first.status).code, 0);
          const third = await lockChild([folder, 1, 1, kind], { prefix: prefix ?? [] }).output();
          assertEquals(JSON.parse(new TextDecoder().decode(third.stdout)), { held: 1, refused: 0 });
        }),
    });
  });
}
