/**
 * One SHA-256 for a whole training state, so that anybody can compare two runs. It covers every tensor (sorted by name:
 * dtype, shape, bytes) and the state tree with sorted keys, but for what may differ between equal runs: times, host
 * names, threads.
 */
import type { BundleContent } from "./format.ts";
import type { Bundle } from "./reader.ts";
import { encodeCanonical } from "./canonical.ts";
import { compareCodeUnits, isStateMap, type StateValue } from "../state_tree.ts";
import { Sha256 } from "../codec/checksums.ts";
import type { StoredTensor } from "../stored_tensor.ts";

/**
 * Says of a place in the state tree (its keys from the root) whether the digest leaves it out.
 *
 * @category Comparing
 */
export type Exclude = (path: readonly string[]) => boolean;

/** Parts of the state that say how a run was carried out rather than where it stands. */
const CIRCUMSTANCES = new Set(["runtime", "times", "hosts", "threads"]);

/**
 * Leaves out the root keys `runtime`, `times`, `hosts` and `threads`.
 *
 * @category Comparing
 */
export function excludeCircumstances(path: readonly string[]): boolean {
  return path.length === 1 && CIRCUMSTANCES.has(path[0]);
}

/**
 * The digest of a content in memory, as 64 hexadecimal digits.
 *
 * @category Comparing
 */
export function digestOf(content: BundleContent, options: { exclude?: Exclude } = {}): string {
  const hash = new Sha256();
  for (const name of [...content.tensors.keys()].sort(compareCodeUnits)) {
    const tensor = content.tensors.get(name);
    if (tensor) addTensor(hash, { name, tensor });
  }
  return addState(hash, { state: content.state, exclude: options.exclude ?? excludeCircumstances }).hex();
}

/**
 * The same digest of a bundle on disk, one tensor in memory at a time.
 *
 * @category Comparing
 */
export async function digestOfBundle(bundle: Bundle, options: { exclude?: Exclude } = {}): Promise<string> {
  const hash = new Sha256();
  for (const name of [...bundle.tensors.keys()].sort(compareCodeUnits)) {
    addTensor(hash, { name, tensor: await bundle.read(name) });
  }
  return addState(hash, { state: bundle.state, exclude: options.exclude ?? excludeCircumstances }).hex();
}

/** A state tree without the excluded places. */
export function withoutExcluded(state: StateValue, exclude: Exclude): StateValue {
  return prune(state, { path: [], exclude });
}

/** The description goes first and is a MessagePack value, which shows its own end: no two contents run together. */
function addTensor(hash: Sha256, { name, tensor }: { name: string; tensor: StoredTensor }): void {
  hash.update(encodeCanonical([name, tensor.dtype, [...tensor.shape], tensor.data.byteLength]));
  hash.update(tensor.data);
}

function addState(hash: Sha256, { state, exclude }: { state: StateValue; exclude: Exclude }): Sha256 {
  return hash.update(encodeCanonical(withoutExcluded(state, exclude), { sortKeys: true }));
}

function prune(value: StateValue, { path, exclude }: { path: readonly string[]; exclude: Exclude }): StateValue {
  if (Array.isArray(value)) return value.map((item, index) => prune(item, { path: [...path, String(index)], exclude }));
  if (!isStateMap(value)) return value;
  const kept = Object.keys(value).filter((key) => !exclude([...path, key]));
  // fromEntries defines its keys, so `__proto__` stays one.
  return Object.fromEntries(kept.map((key) => [key, prune(value[key], { path: [...path, key], exclude })]));
}
