/**
 * Results must not be written over what they are made from. Names do not tell: a link of either kind, another case, or a
 * folder reached by two ways leads to the same file. So files are compared, by what the file system calls them.
 */
import { fileSystem } from "./builtin_modules.ts";
import { DinogradError } from "./errors.ts";

/** What an existing file is called by the file system; null where there is none that may be looked at. */
async function identityOf(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await fileSystem().promises.stat(path, { bigint: true });
    // File systems without numbers for files give 0; there are no hard links on them.
    return ino === 0n ? await fileSystem().promises.realpath(path) : `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/**
 * Call it before anything is written.
 * @throws DinogradError of kind "usage" that names an output which is one of the inputs, by whatever names; `flag` opens it
 */
export async function refuseOverwriting(
  flag: string,
  { outputs, inputs }: { readonly outputs: Iterable<string>; readonly inputs: Iterable<string | null> },
): Promise<void> {
  const read = new Map<string, string>();
  for (const input of inputs) {
    const identity = input === null ? null : await identityOf(input);
    if (input !== null && identity !== null) read.set(identity, input);
  }
  for (const output of outputs) {
    const identity = await identityOf(output);
    const input = identity === null ? undefined : read.get(identity);
    if (input === undefined) continue;
    const found = input === output ? output : `${output}, which is ${input}`;
    throw new DinogradError("usage", `${flag}: expected to write over nothing that is read but found ${found}`);
  }
}
