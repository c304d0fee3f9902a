/** The signals that ask a command to stop, and what is said when the first one is heard. */
import { clearLine, print } from "./output.ts";

// Windows knows no SIGTERM.
export const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/** Says that the first signal was heard; on a terminal in place of a bar and of the `^C` behind it. */
export function sayStopping(name: Deno.Signal): void {
  clearLine("stderr");
  print("stderr", `${name}: stopping at the next step; once more to stop at once`);
}
