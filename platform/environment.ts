/** Variables of the environment, for a process that may not be permitted to read them, or a platform that has none. */
import { builtinModule } from "./builtin_modules.ts";

/** The part of Deno that knows what is permitted, and asks nobody. */
interface Permissions {
  readonly permissions?: { querySync(wanted: { name: "env"; variable: string }): { readonly state: string } };
}

/** The variable's value; undefined where there is none, or reading it is not permitted. Never asks. */
export function environment(variable: string): string | undefined {
  const { Deno } = globalThis as { Deno?: Permissions }; // what it documents of itself
  const state = Deno?.permissions?.querySync({ name: "env", variable }).state ?? "granted";
  if (state !== "granted") return undefined;
  // What Node documents of it; a browser has none.
  const process = builtinModule("node:process") as { env: Record<string, string | undefined> } | null;
  return process?.env[variable];
}
