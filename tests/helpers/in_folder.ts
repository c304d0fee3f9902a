/** Runs a test in a folder of its own, which is removed afterwards, whatever happened. */
export async function inFolder<T>(test: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "dinograd-" });
  try {
    return await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
