/** The signals that ask a command to stop, and what is said when the first one is heard. */

// Windows knows no SIGTERM.
export const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/** An empty line ends what a bar or a ^C has left on the terminal. */
export function firstSignalLine(name: Deno.Signal): string {
  return `\n${name}: stopping at the next step; once more to stop at once`;
}
