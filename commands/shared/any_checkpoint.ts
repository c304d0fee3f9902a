/** Checkpoints of any format behind one face: bundles, PyTorch files, safetensors, told apart by their first bytes. */
import {
  type Bundle,
  openBundle,
  openPth,
  openSafetensors,
  type PthFile,
  type PthTensor,
  type SafetensorsFile,
  stateField,
  type StateValue,
  storedByteLength,
  type StoredDType,
  type StoredTensor,
  toStateValue,
} from "../../checkpoint/mod.ts";
import { counted } from "../../engine/counted.ts";
import { type CheckpointFormat, formatOf } from "../../checkpoint/open.ts";
import { describe } from "../../engine/describe.ts";
import { stateOfMetadata } from "../../detector/weights/safetensors_metadata.ts";
import { entryOfFile, findCheckpoint, type FindOptions, type ZooEntry } from "../../detector/zoo/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { formatBytes } from "../../detector/logs/format_bytes.ts";

/** What is known of a tensor without reading it. */
interface TensorInfo {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly storedBytes: number;
}

/** An open checkpoint. Close it, or hold it with `await using`. */
export interface AnyCheckpoint extends AsyncDisposable {
  readonly path: string;
  readonly format: CheckpointFormat;
  /** For people: the format, and the version that wrote it. */
  readonly about: string;
  /** Everything that is not a tensor. */
  readonly state: StateValue;
  /** By name; in PyTorch files the keys on the way to the tensor, joined with slashes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  read(name: string): Promise<StoredTensor>;
  /** The bundle itself, where it is one. */
  readonly bundle?: Bundle;
}

/** A checkpoint that may be known by name; null where it is not. */
export interface KnownCheckpoint extends AnyCheckpoint {
  readonly entry: ZooEntry | null;
}

/**
 * Finds and opens a checkpoint by its path, its address or its name.
 * @throws {DinogradError}("checkpoint") where it is not to be had, is none, or is a damaged or dangerous one.
 */
export async function openAnyCheckpoint(reference: string, options: FindOptions): Promise<KnownCheckpoint> {
  const { path, entry } = await findCheckpoint(reference, options);
  const file = await openAnyFile(path);
  const saysNothing = ["config", "args"].every((key) => stateField(file.state, key) === undefined);
  return { ...file, entry: entry ?? (saysNothing ? entryOfFile(path) : undefined) ?? null };
}

async function openAnyFile(path: string): Promise<AnyCheckpoint> {
  const format = await formatOf(path);
  if (format === "PyTorch") return fromPth(await openPth(path));
  if (format === "safetensors") {
    await using opening = new AsyncDisposableStack();
    const opened = fromSafetensors(opening.use(await openSafetensors(path)));
    opening.move(); // what was opened closes the file
    return opened;
  }
  return fromBundle(await openBundle(path));
}

/** For verbs that know bundles alone. @throws {DinogradError}("checkpoint") where one of the files is of another format */
export async function refuseOtherFormats(paths: readonly string[], verb: string): Promise<void> {
  for (const path of paths) {
    const format = await formatOf(path);
    if (format === "bundle") continue;
    throw new DinogradError(
      "checkpoint",
      `${verb}: expected a bundle but found ${path}, a ${format} file; dinograd convert makes a bundle of its weights`,
    );
  }
}

/** Tensors may share memory and repeat elements, so that all of them are larger than their file, within bounds. */
const MOST_TIMES_THE_FILE = 4;
const MOST_BYTES_BESIDES = 256 * 1024 * 1024;

/**
 * For verbs that read all of a file's tensors: some hundred bytes can name one of megabytes ten thousand times.
 * @throws {DinogradError}("checkpoint") where those of these names come to far more than the file
 */
export async function refuseExpansion(
  { path, tensors }: AnyCheckpoint,
  { names, verb }: { readonly names: Iterable<string>; readonly verb: string },
): Promise<void> {
  let bytes = 0;
  for (const name of names) bytes += tensors.get(name)?.bytes ?? 0;
  const most = MOST_TIMES_THE_FILE * (await Deno.stat(path)).size + MOST_BYTES_BESIDES;
  if (bytes <= most) return;
  throw new DinogradError(
    "checkpoint",
    `${verb}: ${path}: expected tensors of at most ${most} bytes, ${MOST_TIMES_THE_FILE} times the file and 256 MiB, ` +
      `but found ${bytes}, for some share their memory or repeat their elements`,
  );
}

function fromBundle(bundle: Bundle): AnyCheckpoint {
  const { version, writer, fileBytes, headerBytes } = bundle.header;
  return {
    path: bundle.path,
    format: "bundle",
    about: `bundle ${version} by ${writer}, ${formatBytes(fileBytes)}, header ${formatBytes(headerBytes)}`,
    state: bundle.state,
    tensors: bundle.tensors,
    read: (name) => bundle.read(name),
    bundle,
    [Symbol.asyncDispose]: () => bundle.close(),
  };
}

function fromSafetensors(file: SafetensorsFile): AnyCheckpoint {
  return {
    path: file.path,
    format: "safetensors",
    about: `safetensors with ${counted(file.tensors.size, "tensor")}`,
    state: stateOfMetadata(file.metadata, file.path),
    tensors: new Map([...file.tensors].map(([name, entry]) => [name, { ...entry, storedBytes: entry.bytes }])),
    read: (name) => file.read(name),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

function fromPth(file: PthFile): AnyCheckpoint {
  const found = new Map<string, PthTensor>();
  const state = toStateValue(file.root, {
    tensor: (tensor, path) => {
      const name = path.join("/");
      if (found.has(name)) {
        throw new DinogradError("checkpoint", `${file.path}: expected one tensor ${describe(name)} but found two`);
      }
      found.set(name, tensor);
      return `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    },
  });
  const info = ({ dtype, shape }: PthTensor): TensorInfo => {
    const bytes = storedByteLength(dtype, shape);
    return { dtype, shape, bytes, storedBytes: bytes };
  };
  return {
    path: file.path,
    format: "PyTorch",
    about: `PyTorch file with ${counted(found.size, "tensor")}`,
    state,
    tensors: new Map([...found].map(([name, tensor]) => [name, info(tensor)])),
    read: (name) => {
      const tensor = found.get(name);
      if (tensor === undefined) throw new RangeError(`${file.path}: expected a tensor named ${name} but found none`);
      return file.read(tensor);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
