/** Variables of the environment, for a process that may not be permitted to read them, or a platform that has none. */
import { builtinModule } from "./builtin_modules.ts";

/** The variable's value; undefined where there is none, or reading it is not permitted. Never asks. */
export function environment(variable: string): string | undefined {
  if (typeof Deno !== "undefined" && typeof Deno.permissions?.querySync === "function") {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    return state === "granted" ? Deno.env.get(variable) : undefined;
  }
  // What Node documents of it; a browser has none.
  const process = builtinModule("node:process") as { env: Record<string, string | undefined> } | null;
  return process?.env[variable];
}
