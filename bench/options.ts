/** What the benchmarks share: reading their few flags, and the memory of the process. */

/** The word behind a flag on the command line. */
export function flagValue(flag: string): string | undefined {
  const at = Deno.args.indexOf(flag);
  return at < 0 ? undefined : Deno.args[at + 1];
}

/** The most memory that this process has had so far, in bytes (Linux), or NaN. */
export function residentPeak(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]) * 1024;
  } catch {
    return NaN;
  }
}
