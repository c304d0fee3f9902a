/**
 * The runtimes that the tests of the package run it in, in fixed versions that npm has as packages. They are fetched into
 * Deno's cache where DINOGRAD_REQUIRE_PLATFORMS=1, which continuous integration sets, asks for it; otherwise what is not
 * there is left out, which is said aloud.
 */

/** A runtime that is a package. */
export interface Runtime {
  readonly name: "Node" | "Bun";
  readonly version: string;
}

/** Those that are tried; README.md says the same. */
export const RUNTIMES: readonly Runtime[] = [
  { name: "Node", version: "20.20.2" },
  { name: "Node", version: "22.23.3" },
  { name: "Node", version: "24.21.0" },
  { name: "Bun", version: "1.4.5" },
];

/** Browsers, as Debian installs them, and the oldest version that was tried; README.md says the same. */
export const BROWSERS = {
  chrome: { name: "Chromium", executable: "/usr/bin/chromium", tried: "156" },
  firefox: { name: "Firefox", executable: "/usr/bin/firefox-esr", tried: "153" },
} as const;

/** A browser, by the name that its driver has for it. */
export type Browser = keyof typeof BROWSERS;

/** Whether nothing may be left out for want of a runtime or a browser. */
export const platformsRequired = (): boolean => Deno.env.get("DINOGRAD_REQUIRE_PLATFORMS") === "1";

/** Puts the packages of a `package.json` into its folder, from the cache alone unless they are required. */
export async function installPackages(folder: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ type: "module", dependencies }));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", ...(platformsRequired() ? [] : ["--cached-only"])],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const ARCHITECTURE = Deno.build.arch === "x86_64" ? "x64" : Deno.build.arch === "aarch64" ? "arm64" : "none";

/** The program of a runtime, in a folder of its own; undefined where it is not to be had and need not be. */
export async function installRuntime(folder: string, { name, version }: Runtime): Promise<string | undefined> {
  const bun = `@oven/bun-${Deno.build.os}-${ARCHITECTURE.replace("arm64", "aarch64")}`;
  const source = name === "Bun" ? bun : `node-${Deno.build.os}-${ARCHITECTURE}`;
  await Deno.mkdir(folder);
  try {
    await installPackages(folder, { runtime: `npm:${source}@${version}` });
  } catch (error) {
    if (platformsRequired()) throw error;
    return undefined;
  }
  return `${folder}/node_modules/runtime/bin/${name.toLowerCase()}`;
}
