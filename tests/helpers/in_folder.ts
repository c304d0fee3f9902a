/** Runs a test in a folder of its own, which is removed afterwards, whatever happened. */
export async function inFolder<T>(test: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "dinograd-" });
  try {
    return await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A folder for all tests of a file, which is removed after the last. Call it where they are defined. */
export async function folderOfFile(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "dinograd-" });
  Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));
  return folder;
}
