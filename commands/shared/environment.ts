/** Variables of the environment, for a process that may not be permitted to read them. */

/** The variable's value; undefined where there is none, or reading it is not permitted. Never asks. */
export function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
