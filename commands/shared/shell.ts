/** Command lines to paste: how this program is called, with every word quoted as a shell needs it. */
import { fromFileUrl, relative } from "@std/path";

/** What comes before the verb: `deno run -A cli.ts`, from the folder that the user is in. */
function program(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = Deno.mainModule;
  if (!main.startsWith("file:")) return ["deno", "run", "-A", main];
  const path = fromFileUrl(main);
  const near = relative(Deno.cwd(), path);
  return ["deno", "run", "-A", near.startsWith("..") ? path : near];
}

/** A command line of this program that can be pasted into a shell. */
export function commandLine(words: readonly string[]): string {
  return [...program(), ...words].map(quoteWord).join(" ");
}

/** A word as a POSIX shell reads it (on Windows, as its command prompt and PowerShell do). */
export function quoteWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return Deno.build.os === "windows" ? `"${word}"` : `'${word.replaceAll("'", `'\\''`)}'`;
}
