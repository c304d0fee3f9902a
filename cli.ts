/**
 * The command line: `deno run -A cli.ts VERB [flags]`. Everything it knows is in `commands/`; this file turns the outcome
 * into the process's exit code.
 */
import { report, runCommandLine } from "./commands/run.ts";

if (import.meta.main) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(report(event.reason, Deno.args[0] ?? ""));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    Deno.exit(report(event.error, Deno.args[0] ?? ""));
  });
  Deno.exit(await runCommandLine(Deno.args));
}
