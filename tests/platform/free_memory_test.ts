import { assert, assertEquals } from "@std/assert";
import { freeMemory } from "../../platform/free_memory.ts";

const reading = (files: Record<string, string>) => (path: string) => {
  if (!(path in files)) throw new Error(`no ${path}`);
  return files[path];
};

Deno.test("a container's limit counts, less what it takes and more what files have left in memory", () => {
  const second = {
    "/sys/fs/cgroup/memory.max": "1000\n",
    "/sys/fs/cgroup/memory.current": "700\n",
    "/sys/fs/cgroup/memory.stat": "anon 300\ninactive_file 250\nactive_file 9\n",
  };
  assertEquals(freeMemory(reading(second)), 550);
  const first = {
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "1000",
    "/sys/fs/cgroup/memory/memory.usage_in_bytes": "1200",
    "/sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 50\n",
  };
  assertEquals(freeMemory(reading(first)), 0);
  for (const files of [{ ...second, "/sys/fs/cgroup/memory.max": "max\n" }, {}]) {
    assert(freeMemory(reading(files))! > 1e6); // the machine's own
  }
});

Deno.test("what is free is less than the machine has", () => {
  const free = freeMemory();
  assert(free !== null && free > 0 && free <= Deno.systemMemoryInfo().total);
});
