/** Runs a Python script of a benchmark with a python3 that has what it needs. */

/** What the script prints, parsed as JSON; null if no python3 could run it. */
export async function runPython(args: readonly string[]): Promise<unknown> {
  // Without these glibc gives pages back after every tensor, and page faults make PyTorch look slow.
  const env = { MALLOC_MMAP_THRESHOLD_: "4294967296", MALLOC_TRIM_THRESHOLD_: "8589934592" };
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      const command = new Deno.Command(python, { args: [...args], env, stdout: "piped", stderr: "null" });
      const { success, stdout } = await command.output();
      if (success) return JSON.parse(new TextDecoder().decode(stdout));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}
