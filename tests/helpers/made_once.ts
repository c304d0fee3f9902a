import { cp } from "node:fs/promises";

/**
 * A folder with which many tests of a file begin, such as one with a run that took a second to train: made before the
 * first of them, and put back as it was made, in the same place, before each. Call it where the file's tests are
 * defined; the folder is removed after the last.
 */
export function madeOnce(make: (folder: string) => Promise<void>) {
  let root: string | undefined;
  Deno.test.afterAll(async () => {
    if (root !== undefined) await Deno.remove(root, { recursive: true });
  });
  return async <T>(test: (folder: string) => T | Promise<T>): Promise<T> => {
    const isFirst = root === undefined;
    root ??= await Deno.makeTempDir({ prefix: "dinograd-" });
    const [folder, kept] = [`${root}/folder`, `${root}/kept`];
    if (isFirst) {
      await Deno.mkdir(folder);
      await make(folder);
      await cp(folder, kept, { recursive: true, preserveTimestamps: true });
    } else {
      await Deno.remove(folder, { recursive: true });
      await cp(kept, folder, { recursive: true, preserveTimestamps: true });
    }
    return await test(folder);
  };
}
