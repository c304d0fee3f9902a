/** How much memory a process takes at most, as the system counts it. Only Linux tells, and only while the process lives. */

/** Whether it can be known here. */
export const MEMORY_IS_COUNTED = Deno.build.os === "linux";

/** Milliseconds between two looks. */
const INTERVAL = 20;

/** Watches a running process; `finish` gives the most bytes that were resident up to the last look before its end. */
export function watchMemory(pid: number): { finish(): number } {
  let most = 0;
  const look = () => {
    try {
      const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
      if (kilobytes !== undefined) most = Math.max(most, Number(kilobytes) * 1024);
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, INTERVAL);
  return {
    finish() {
      clearInterval(timer);
      return most;
    },
  };
}
