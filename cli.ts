/**
 * The command line: training, detection, evaluation and what else is done with files.
 *
 * ```sh
 * deno run -A jsr:@dinograd/dinograd/cli detect photos --checkpoint checkpoint.dino --out found
 * ```
 *
 * `deno install --global -A -n dinograd jsr:@dinograd/dinograd/cli` makes it a command of its own, `dinograd`. Without a verb
 * it lists its verbs, and a verb with `--help` lists its flags. Everything it knows is in `commands/`; this file turns the
 * outcome into the process's exit code.
 *
 * @module
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
