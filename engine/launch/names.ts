/** The check that a launch names exactly the operands of its kernel. */

/** One value of a launch under each of the names, in their order. @throws TypeError that tells which name is missing or of no use */
export function valuesByName<T>(
  kernel: string,
  names: readonly string[],
  given: Readonly<Record<string, unknown>>,
): T[] {
  return names.map((name) => {
    const value = given[name];
    if (value === undefined) throw new TypeError(`${kernel}: expected "${name}" but the launch does not name it`);
    return value as T; // the types of the launch say so
  });
}

/** @throws TypeError where the launch names something that the kernel does not have */
export function refuseOthers(
  kernel: string,
  given: Readonly<Record<string, unknown>>,
  ...known: readonly (readonly string[])[]
): void {
  let expected = 0;
  for (const names of known) expected += names.length;
  const found = Object.keys(given);
  if (found.length === expected) return; // `valuesByName` has found every name, so there is no other
  const names = known.flat();
  const other = found.find((name) => !names.includes(name) && given[name] !== undefined);
  if (other !== undefined) {
    throw new TypeError(`${kernel}: expected only ${names.join(", ")} but the launch also names "${other}"`);
  }
}

/** @throws TypeError where two things of one kernel have the same name */
export function refuseDuplicates(kernel: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new TypeError(`${kernel}: expected different names but found "${twice}" twice`);
}
