/**
 * Dawn, the WebGPU of Chromium, as a package of npm: native code for five systems, a hundred times the size of all that is
 * written here. So it is named only when a program asks for it, in a way that no import graph shows: who computes on a
 * CPU, or where `navigator.gpu` is, never downloads it.
 */

import { builtinModule } from "./builtin_modules.ts";

/** What is used of the package. */
interface Dawn {
  /** A GPU of its own, which lives as long as this object is held; flags such as `backend=vulkan`. */
  create(flags: string[]): GPU;
}

/**
 * Loads it: Deno fetches the version named here, which `deno.json` and its lock file know; elsewhere it has to be among
 * the installed packages.
 * @throws {Error} of the platform's own where it is not to be had
 */
export async function loadDawn(): Promise<Dawn> {
  return await importDawn("index.js");
}

/** The name of the file comes as an argument, so that no tool takes the import apart and follows it. */
function importDawn(file: string): Promise<Dawn> {
  if ("Deno" in globalThis) return import(/* webpackIgnore: true */ /* @vite-ignore */ `npm:webgpu@0.6.2/${file}`);
  // Publishing makes a path of a name that begins an import's template, and Node would look for it in this folder.
  // What Node documents under that name.
  const { createRequire } = builtinModule("node:module") as NodeModules;
  return Promise.resolve(createRequire(import.meta.url)("webgpu"));
}

interface NodeModules {
  createRequire(from: string): (name: "webgpu") => Dawn;
}
