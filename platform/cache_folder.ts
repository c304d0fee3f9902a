/** Where a program keeps what it can fetch again: a folder of the user's, by the habits of each system. */
import { operatingSystem, paths, thisProcess } from "./builtin_modules.ts";
import { environment } from "./environment.ts";
import { DinogradError } from "./errors.ts";

/** What decides it. */
export interface CacheSurroundings {
  /** The value of a variable of the environment. */
  variable(name: string): string | undefined;
  /** As `process.platform` names it. */
  readonly platform: string;
  /** The user's own folder, where no variable names one. */
  home(): string;
}

/**
 * The folder for downloads: `$DINOGRAD_CACHE`; else `dinograd` in `$XDG_CACHE_HOME`; else in the system's folder for
 * caches, which is `~/.cache`, `~/Library/Caches` on macOS, and `%LOCALAPPDATA%` on Windows. Nothing is made.
 * @throws {DinogradError} of kind "usage" where none of these is known, for want of permission
 */
export function cacheFolder(around: CacheSurroundings = thisMachine()): string {
  const { join, resolve, isAbsolute } = paths();
  const own = around.variable("DINOGRAD_CACHE");
  if (own) return resolve(own);
  const xdg = around.variable("XDG_CACHE_HOME");
  if (xdg && isAbsolute(xdg)) return join(xdg, "dinograd"); // the convention says to pass over relative ones
  if (around.platform === "win32") {
    const local = around.variable("LOCALAPPDATA");
    return join(local || join(homeOf(around, "USERPROFILE"), "AppData", "Local"), "dinograd");
  }
  const home = homeOf(around, "HOME");
  return around.platform === "darwin" ? join(home, "Library", "Caches", "dinograd") : join(home, ".cache", "dinograd");
}

function thisMachine(): CacheSurroundings {
  return { variable: environment, platform: thisProcess().platform, home: () => operatingSystem().homedir() };
}

function homeOf({ variable, home }: CacheSurroundings, name: string): string {
  const named = variable(name);
  if (named) return named;
  try {
    return home();
  } catch (cause) {
    throw new DinogradError(
      "usage",
      "expected to know the folder for downloads but may not ask for it: set DINOGRAD_CACHE and permit " +
        "--allow-env=DINOGRAD_CACHE",
      { cause },
    );
  }
}
