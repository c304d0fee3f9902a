/** What differs between two bundles, tensor by tensor and state by state, and by how much. */
import { holding } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { openBundle } from "./reader.ts";
import { equalBytes } from "./format.ts";
import { elementReader, isFloatDType } from "../element_view.ts";
import type { FileLayer } from "../files/layer.ts";
import { isStateMap, type StateValue } from "../state_tree.ts";
import { elementCount, type StoredTensor } from "../stored_tensor.ts";

/**
 * A tensor that both bundles have and that is not the same in both.
 *
 * @category Comparing
 */
export interface TensorDifference {
  /** The tensor's name, the same in both bundles. */
  readonly name: string;
  /** Elements whose bits differ. */
  readonly count: number;
  /** Elements of the tensor: what `count` is out of. */
  readonly elements: number;
  /** Largest absolute difference among elements that are finite on both sides. */
  readonly maxAbs: number;
  /** That, over the largest magnitude in the first. */
  readonly maxRelative: number;
}

/**
 * How the state differs at one place; `undefined` where it is absent.
 *
 * @category Comparing
 */
export interface StateDifference {
  /** Where in the state: keys and indices from the root, such as `optimizer.steps`. */
  readonly path: string;
  /** The first bundle's value there; undefined where it has none. */
  readonly first: StateValue | undefined;
  /** The second bundle's value there; undefined where it has none. */
  readonly second: StateValue | undefined;
}

/**
 * Where two bundles differ, tensor by tensor and place by place of the state; empty lists where they are equal.
 *
 * @category Comparing
 */
export interface BundleDifference {
  /** True where nothing below has an entry: same tensors, bit for bit, and same state. */
  readonly equal: boolean;
  /** Names of tensors that the second bundle lacks. */
  readonly onlyInFirst: readonly string[];
  /** Names of tensors that the first bundle lacks. */
  readonly onlyInSecond: readonly string[];
  /** Tensors of another dtype or shape: `name: f32 [2, 3] and f32 [3, 2]`. */
  readonly otherKind: readonly string[];
  /** Tensors of equal dtype and shape whose elements differ. */
  readonly tensors: readonly TensorDifference[];
  /** Places of the state where the two differ. */
  readonly state: readonly StateDifference[];
}

/**
 * Compares two bundles with at most one tensor of each in memory. Every tensor is read: equal checksums in two headers
 * would say nothing of a file that is damaged.
 * @throws {DinogradError} of kind "checkpoint" that names the file and the place, if one is
 * @category Comparing
 */
export async function diffBundles(
  firstPath: string,
  secondPath: string,
  options: { files?: FileLayer } = {},
): Promise<BundleDifference> {
  return await holding(await openBundle(firstPath, options), async (first) => {
    return await holding(await openBundle(secondPath, options), async (second) => {
      const onlyInFirst = [...first.tensors.keys()].filter((name) => !second.tensors.has(name));
      const onlyInSecond = [...second.tensors.keys()].filter((name) => !first.tensors.has(name));
      const otherKind: string[] = [];
      const tensors: TensorDifference[] = [];
      for (const [name, one] of first.tensors) {
        const other = second.tensors.get(name);
        if (!other) continue;
        if (describeTensor(one) !== describeTensor(other)) {
          otherKind.push(`${name}: ${describeTensor(one)} and ${describeTensor(other)}`);
          continue;
        }
        const difference = diffTensors(await first.read(name), await second.read(name));
        if (difference.count > 0) tensors.push({ name, ...difference });
      }
      const state = diffStates(first.state, second.state);
      const equal = [onlyInFirst, onlyInSecond, otherKind, tensors, state].every((list) => list.length === 0);
      return { equal, onlyInFirst, onlyInSecond, otherKind, tensors, state };
    });
  });
}

/**
 * Compares two tensors of equal dtype and shape bit by bit.
 * @throws {DinogradError} of kind "checkpoint" if their kinds differ
 */
export function diffTensors(first: StoredTensor, second: StoredTensor): Omit<TensorDifference, "name"> {
  if (describeTensor(first) !== describeTensor(second)) {
    throw new DinogradError(
      "checkpoint",
      `diffTensors: expected ${describeTensor(first)} but found ${describeTensor(second)}`,
    );
  }
  const elements = elementCount(first.shape);
  const [one, other] = [elementReader(first), elementReader(second)];
  const width = elements === 0 ? 0 : first.data.length / elements;
  let [count, maxAbs, scale] = [0, 0, 0];
  for (let index = 0; index < elements; index++) {
    const value = one(index);
    if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
    let same = true;
    for (let byte = index * width; byte < (index + 1) * width; byte++) same &&= first.data[byte] === second.data[byte];
    if (same) continue;
    count++;
    const distance = Math.abs(value - other(index));
    if (Number.isFinite(distance)) maxAbs = Math.max(maxAbs, distance);
  }
  return { count, elements, maxAbs, maxRelative: maxAbs === 0 ? 0 : isFloatDType(first.dtype) ? maxAbs / scale : NaN };
}

/**
 * The places where two state trees differ; numbers are compared by `Object.is`, so -0 differs from 0.
 *
 * @category Comparing
 */
export function diffStates(first: StateValue, second: StateValue): StateDifference[] {
  const differences: StateDifference[] = [];
  collect(first, second, { path: "", into: differences });
  return differences;
}

function collect(
  first: StateValue | undefined,
  second: StateValue | undefined,
  { path, into }: { path: string; into: StateDifference[] },
): void {
  const [one, other] = [asChildren(first), asChildren(second)];
  if (one && other && one.kind === other.kind) {
    for (const key of new Set([...one.entries.keys(), ...other.entries.keys()])) {
      collect(one.entries.get(key), other.entries.get(key), { path: path === "" ? key : `${path}/${key}`, into });
    }
  } else if (!sameLeaf(first, second)) into.push({ path, first, second });
}

function asChildren(value: StateValue | undefined): { kind: string; entries: Map<string, StateValue> } | null {
  if (Array.isArray(value)) {
    return { kind: "list", entries: new Map(value.map((item, index) => [String(index), item])) };
  }
  return isStateMap(value) ? { kind: "map", entries: new Map(Object.entries(value)) } : null;
}

function sameLeaf(first: StateValue | undefined, second: StateValue | undefined): boolean {
  if (first instanceof Uint8Array && second instanceof Uint8Array) return equalBytes(first, second);
  return Object.is(first, second);
}

function describeTensor({ dtype, shape }: { dtype: string; shape: readonly number[] }): string {
  return `${dtype} [${shape.join(", ")}]`;
}
