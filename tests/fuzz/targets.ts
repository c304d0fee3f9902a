/** Everything that is fuzzed. A new target is a file in `targets/` and a line here; tests and `deno task fuzz` take it up. */
import type { FuzzTarget } from "./target.ts";
import { annotationsTarget } from "./targets/annotations.ts";
import { configsTarget } from "./targets/configs.ts";
import { bundleTarget, pthTarget, safetensorsTarget } from "./targets/checkpoints.ts";
import { headerTarget } from "./targets/headers.ts";
import { bmpTarget, jpegTarget, pngTarget, tiffTarget, webpTarget } from "./targets/images.ts";
import { jsonHeadersTarget } from "./targets/json_headers.ts";
import { lockTarget } from "./targets/locks.ts";
import { picklesTarget } from "./targets/pickles.ts";

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  bundleTarget,
  headerTarget,
  pthTarget,
  picklesTarget,
  safetensorsTarget,
  jsonHeadersTarget,
  pngTarget,
  jpegTarget,
  webpTarget,
  bmpTarget,
  tiffTarget,
  annotationsTarget,
  configsTarget,
  lockTarget,
];

/** The target of a name. @throws Error that lists the names. */
export function fuzzTarget(name: string): FuzzTarget {
  const target = FUZZ_TARGETS.find((target) => target.name === name);
  if (target !== undefined) return target;
  throw new Error(`expected a target (${FUZZ_TARGETS.map(({ name }) => name).join(", ")}) but found ${name}`);
}
