/**
 * The modules that Node, Deno and Bun bring with them, asked for while the program runs. Nothing imports them by name, so
 * that what stands on them loads in a browser too, and says only when it is called what is missing there.
 */
import { DinogradError } from "./errors.ts";

/** The code of the error where there are no files; no system has one of that name. */
export const NO_FILES = "ENOFILES";

/** A module by its name, such as `node:zlib`, or null where the platform has none of that name. */
export function builtinModule(name: string): unknown {
  // The types of a page know no `process`.
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.(name) ?? null;
}

/** Whether there are files, and what else Node brings. */
export function hasFiles(): boolean {
  return builtinModule("node:fs") !== null;
}

/** The platform and its version, such as `Deno/2.9.6` or `Node.js/22`; Node has a navigator that says so from 21 on. */
export function nameOfPlatform(): string {
  return globalThis.navigator?.userAgent ?? `Node.js/${thisProcess().versions.node.split(".")[0]}`;
}

/**
 * The file system.
 * @throws {DinogradError} of kind "usage" where there is none, as in a browser
 */
export function fileSystem(): typeof import("node:fs") {
  return required<typeof import("node:fs")>("node:fs");
}

/**
 * URLs of files, by the rules of this system.
 * @throws {DinogradError} of kind "usage" where there are no files
 */
export function fileUrls(): typeof import("node:url") {
  return required<typeof import("node:url")>("node:url");
}

/**
 * Arithmetic on paths, by the rules of this system.
 * @throws {DinogradError} of kind "usage" where there are no files
 */
export function paths(): typeof import("node:path") {
  return required<typeof import("node:path")>("node:path");
}

/**
 * The process that this runs in.
 * @throws {DinogradError} of kind "usage" where there are none, as in a browser
 */
export function thisProcess(): typeof import("node:process") {
  return required<typeof import("node:process")>("node:process");
}

/** The machine and its system, likewise. */
export function operatingSystem(): typeof import("node:os") {
  return required<typeof import("node:os")>("node:os");
}

function required<Module>(name: string): Module {
  const module = builtinModule(name);
  if (module === null) {
    const message =
      "expected a platform with files (Deno, Node or Bun) but found none: pass bytes instead of paths, or a " +
      "file layer of your own";
    throw Object.assign(new DinogradError("usage", message), { code: NO_FILES });
  }
  return module as Module; // what is documented under that name
}
