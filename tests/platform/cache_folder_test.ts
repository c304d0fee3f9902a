import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { join, resolve } from "@std/path";
import { cacheFolder, type CacheSurroundings } from "../../platform/cache_folder.ts";
import { DinogradError } from "../../engine/errors.ts";

function around(variables: Record<string, string>, platform = "linux"): CacheSurroundings {
  return { variable: (name) => variables[name], platform, home: () => "/home/of-passwd" };
}

Deno.test("downloads go where DINOGRAD_CACHE says, else the XDG variable, else to the system's own place", () => {
  const cases: [Record<string, string>, string, string][] = [
    [{ DINOGRAD_CACHE: "/own", XDG_CACHE_HOME: "/xdg", HOME: "/home/a" }, "linux", "/own"],
    [{ DINOGRAD_CACHE: "own", HOME: "/home/a" }, "linux", resolve("own")],
    [{ DINOGRAD_CACHE: "", XDG_CACHE_HOME: "/xdg", HOME: "/home/a" }, "linux", "/xdg/dinograd"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/home/a" }, "linux", "/home/a/.cache/dinograd"],
    [{ HOME: "/home/a" }, "freebsd", "/home/a/.cache/dinograd"],
    [{}, "linux", "/home/of-passwd/.cache/dinograd"],
    [{ HOME: "/Users/a" }, "darwin", "/Users/a/Library/Caches/dinograd"],
    [{ LOCALAPPDATA: "C:/Users/a/AppData/Local" }, "win32", join("C:/Users/a/AppData/Local", "dinograd")],
    [{ USERPROFILE: "C:/Users/a" }, "win32", join("C:/Users/a", "AppData", "Local", "dinograd")],
  ];
  for (const [variables, platform, expected] of cases) {
    assertEquals(cacheFolder(around(variables, platform)), expected);
  }
});

Deno.test("where neither the environment nor the user's folder may be asked for, one line says what to permit", () => {
  const home = () => {
    throw new Error("NotCapable");
  };
  const error = assertThrows(() => cacheFolder({ ...around({}), home }), DinogradError);
  assertEquals(error.kind, "usage");
  assertMatch(error.message, /set DINOGRAD_CACHE and permit --allow-env=DINOGRAD_CACHE$/);
});
