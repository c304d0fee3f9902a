/** How much memory is left for this process. */
import { fileSystem, operatingSystem } from "./builtin_modules.ts";

/** Where Linux tells a container's limit, what it takes, and its statistics: the second version of control groups, the first. */
const CONTROL_GROUPS = [
  {
    limit: "/sys/fs/cgroup/memory.max",
    used: "/sys/fs/cgroup/memory.current",
    statistics: "/sys/fs/cgroup/memory.stat",
    cached: /^inactive_file (\d+)$/m,
  },
  {
    limit: "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    used: "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    statistics: "/sys/fs/cgroup/memory/memory.stat",
    cached: /^total_inactive_file (\d+)$/m,
  },
];

/**
 * Bytes that the machine has left, or the container where that has less; null where asking is not permitted or not
 * possible.
 * @param read gives the text of a file in which the system tells of itself
 */
export function freeMemory(read = readSystemFile): number | null {
  try {
    return Math.min(operatingSystem().freemem(), freeInContainer(read));
  } catch {
    return null; // without `--allow-sys=systemMemoryInfo`, or in a browser
  }
}

const readSystemFile = (path: string): string => fileSystem().readFileSync(path, "utf8");

/** Infinite where no container sets a limit. */
function freeInContainer(read: (path: string) => string): number {
  for (const { limit, used, statistics, cached } of CONTROL_GROUPS) {
    try {
      const most = Number(read(limit)); // "max" where there is none
      if (!Number.isFinite(most)) continue;
      // What files have left in memory is given back when it is needed.
      const [, reclaimable] = cached.exec(read(statistics)) ?? [];
      return Math.max(0, most - Number(read(used)) + Number(reclaimable ?? 0));
    } catch {
      // Another version of control groups, another system, or no permission.
    }
  }
  return Infinity;
}
