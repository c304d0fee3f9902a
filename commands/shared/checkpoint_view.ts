/** What the commands about checkpoints share: choosing tensors by pattern, and showing states and tensors as text. */
import {
  elementCount,
  elementReader,
  isStateMap,
  openBundle,
  stateField,
  type StateValue,
  type StoredTensor,
} from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { exists, isFolder } from "../../platform/whole_files.ts";

/** A test for names: `*` stands for anything, `?` for one character, several patterns separated by commas. */
export function namePattern(pattern: string): (name: string) => boolean {
  const source = pattern.split(",").map((part) =>
    part.trim().replaceAll(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")
  );
  const expression = new RegExp(`^(?:${source.join("|")})$`, "su");
  return (name) => expression.test(name);
}

/** `[3, 4]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** A state as JSON can hold it: bytes by their length, integers beyond 53 bits and non-finite numbers as text. */
export function stateToJson(value: StateValue): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map(stateToJson);
  if (!isStateMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, stateToJson(item)]));
}

const LONGEST_VALUE = 60;

/**
 * Weights can be made again, a training's state cannot, not even from a damaged one.
 * @throws DinogradError("usage") where `path` is the state of a training, a .dino file that cannot be read, or a folder
 */
export async function refuseTrainingState(path: string, verb: string): Promise<void> {
  if (!await exists(path)) return;
  if (await isFolder(path)) {
    throw new DinogradError("usage", `${verb}: expected the name of a file to write but found the folder ${path}`);
  }
  const what = await openBundle(path).then(async (bundle) => {
    await using _open = bundle;
    return stateField(bundle.state, "kind") === "dinograd training state" ? "the state of a training" : undefined;
  }, () => /\.dino$/i.test(path) ? "a damaged bundle" : undefined);
  if (what === undefined) return;
  throw new DinogradError(
    "usage",
    `${verb}: expected a file to write that is not ${what} but found ${path}; choose another name`,
  );
}

/** One short line per key at the root of a state. */
export function describeState(state: StateValue): [key: string, value: string][] {
  if (!isStateMap(state)) return [["state", describeValue(state)]];
  return Object.entries(state).map(([key, value]) => [key, describeValue(value)]);
}

/** A value of a state in a few words. */
export function describeValue(value: StateValue | undefined): string {
  if (value === undefined) return "(absent)";
  const text = JSON.stringify(stateToJson(value));
  if (text.length <= LONGEST_VALUE) return text;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (isStateMap(value)) return `map of ${Object.keys(value).length}`;
  return `${text.slice(0, LONGEST_VALUE - 1)}…`;
}

/** Statistics of a tensor's finite elements; NaN where there are none. */
interface TensorStatistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly zeros: number;
  /** How many are infinite or no number. */
  readonly nonfinite: number;
}

export function tensorStatistics(tensor: StoredTensor): TensorStatistics {
  const read = elementReader(tensor);
  const count = elementCount(tensor.shape);
  let [min, max, sum, squares, zeros, nonfinite] = [Infinity, -Infinity, 0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const value = read(i);
    if (!Number.isFinite(value)) {
      nonfinite++;
      continue;
    }
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    if (value === 0) zeros++;
  }
  const finite = count - nonfinite;
  const mean = sum / finite;
  for (let i = 0; i < count; i++) {
    const value = read(i);
    if (Number.isFinite(value)) squares += (value - mean) ** 2;
  }
  if (finite === 0) return { min: NaN, max: NaN, mean: NaN, std: NaN, zeros, nonfinite };
  return { min, max, mean, std: Math.sqrt(squares / finite), zeros, nonfinite };
}

/** A number in at most six significant digits. */
export function shortNumber(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "-";
}

/**
 * What a bundle of weights alone keeps of a training state: what is needed to build the model, to give its tensors all of
 * their names, and to name what it finds.
 * The configuration stays in the two parts in which training states hold it.
 */
export function weightsState(state: StateValue): { [key: string]: StateValue } {
  const config = stateField(state, "config");
  const classes = stateField(state, "classes");
  const aliases = stateField(stateField(state, "model"), "aliases");
  return {
    kind: "dinograd weights",
    ...(aliases === undefined ? {} : { model: { aliases } }),
    ...(classes === undefined ? {} : { classes }),
    ...(config === undefined
      ? {}
      : { config, runtime: { config: stateField(stateField(state, "runtime"), "config") ?? {} } }),
  };
}
