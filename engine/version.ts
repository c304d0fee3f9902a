/**
 * The version of the package, for whatever says who wrote a file or what is running. `deno.json` states it for the
 * registry; a test keeps the two equal.
 */
export const VERSION = "0.2.0";
