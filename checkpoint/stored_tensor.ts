/**
 * A tensor at rest: dtype, shape and little-endian row-major bytes. It is the one form in which tensors enter and leave
 * files, whatever their format, and the engine; nothing here knows how to compute with it.
 */
import { describe } from "../engine/describe.ts";
import { DinogradError } from "../engine/errors.ts";
import { plainOrQuoted } from "./quote.ts";

/**
 * What an element is. The spelling is that of bundles; every file format maps its own names to these ten.
 *
 * @category Stored tensors
 */
export type StoredDType = "f64" | "f32" | "f16" | "bf16" | "i64" | "i32" | "i16" | "i8" | "u8" | "bool";

/**
 * `data` has exactly `elementCount(shape) * bytesPerElement(dtype)` bytes; a `bool` is one byte, 0 or 1.
 *
 * @category Stored tensors
 */
export interface StoredTensor {
  /** Kind of the elements. */
  readonly dtype: StoredDType;
  /** Sizes, outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  /** The elements, little-endian and row-major, without gaps. */
  readonly data: Uint8Array;
}

/**
 * A tensor that is read when its turn to be written comes, so that all of them need not be in memory together.
 *
 * @category Stored tensors
 */
export interface UnreadTensor {
  /** Kind of the elements. */
  readonly dtype: StoredDType;
  /** Sizes, outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  /** Reads it, the same each time: what is written may have to be written again. */
  read(): Promise<StoredTensor>;
}

/**
 * A tensor to be written: in memory, or read where it is when its turn comes.
 *
 * @category Stored tensors
 */
export type TensorSource = StoredTensor | UnreadTensor;

const BYTES_PER_ELEMENT: Readonly<Record<StoredDType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

/**
 * All dtypes, widest first within a family: the order in which they are listed to people.
 *
 * @category Stored tensors
 */
export const STORED_DTYPES = Object.keys(BYTES_PER_ELEMENT) as readonly StoredDType[]; // the record has exactly these keys

/** More axes than any tensor has; a longer shape in a file is damage, not data. */
export const MAX_RANK = 64;

/**
 * Whether a name read from a file is a dtype.
 *
 * @category Stored tensors
 */
export function isStoredDType(name: unknown): name is StoredDType {
  return typeof name === "string" && Object.hasOwn(BYTES_PER_ELEMENT, name);
}

/**
 * Bytes of an element: 1 to 8.
 *
 * @category Stored tensors
 */
export function bytesPerElement(dtype: StoredDType): number {
  return BYTES_PER_ELEMENT[dtype];
}

/**
 * Number of elements: 1 for a 0-d tensor, 0 if any axis is empty.
 *
 * @category Stored tensors
 */
export function elementCount(shape: readonly number[]): number {
  if (shape.includes(0)) return 0; // other axes may be so long that their product is infinite
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Size of a tensor's data in bytes.
 *
 * @category Stored tensors
 */
export function storedByteLength(dtype: StoredDType, shape: readonly number[]): number {
  return elementCount(shape) * bytesPerElement(dtype);
}

/**
 * Checks a shape that came from a file: non-negative integers, at most `MAX_RANK` of them, whose byte size is an exact
 * integer. Returns that byte size. `place` opens the message.
 * @throws {DinogradError} of kind "checkpoint"
 */
export function checkShape(shape: readonly unknown[], dtype: StoredDType, place: string): number {
  const fail = (found: string): never => {
    throw new DinogradError("checkpoint", `${place}: expected a shape of non-negative integers but found ${found}`);
  };
  if (shape.length > MAX_RANK) fail(`${shape.length} axes (at most ${MAX_RANK})`);
  let bytes = bytesPerElement(dtype);
  let empty = false;
  for (const size of shape) {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || Object.is(size, -0)) {
      fail(`an axis of ${plainOrQuoted(size)}`);
    } else if (size === 0) {
      empty = true;
    } else {
      bytes *= size;
      if (!Number.isSafeInteger(bytes)) fail(`${plainOrQuoted(shape)}, more than 2^53 bytes`);
    }
  }
  return empty ? 0 : bytes;
}

/** What is known of a tensor before it is read: dtype and shape as `checkStoredTensor` has them. Returns its byte size. */
export function checkTensorSource(tensor: TensorSource, place: string): number {
  if ("data" in tensor) return checkStoredTensor(tensor, place);
  return checkShape(tensor.shape, checkDType(tensor.dtype, place), place);
}

/**
 * The tensor itself.
 * @throws {DinogradError} of kind "checkpoint" if what is read is not what was announced; whatever reading it throws
 */
export async function loadTensor(source: TensorSource, place: string): Promise<StoredTensor> {
  if ("data" in source) return source;
  const tensor = await source.read();
  checkStoredTensor(tensor, place);
  const { dtype, shape } = source;
  if (tensor.dtype !== dtype || `${tensor.shape}` !== `${shape}`) {
    const [expected, found] = [source, tensor].map(({ dtype, shape }) => `${dtype} ${describe(shape)}`);
    throw new DinogradError("checkpoint", `${place}: expected ${expected} but found ${found}`);
  }
  return tensor;
}

function checkDType(dtype: StoredDType, place: string): StoredDType {
  if (isStoredDType(dtype)) return dtype;
  throw new DinogradError(
    "checkpoint",
    `${place}: expected a dtype of ${STORED_DTYPES.join(", ")} but found ${plainOrQuoted(dtype)}`,
  );
}

/**
 * Refuses a `bool` that is neither 0 nor 1: its true is another true to each who reads it, equal to 1 or not, and no
 * writer makes one.
 * @throws {DinogradError} of kind "checkpoint"
 */
export function checkBools(dtype: StoredDType, data: Uint8Array, place: string): void {
  const problem = boolProblem(dtype, data);
  if (problem !== null) throw new DinogradError("checkpoint", `${place}: ${problem}`);
}

/** What `checkBools` would say, or null. */
export function boolProblem(dtype: StoredDType, data: Uint8Array): string | null {
  const wrong = dtype === "bool" ? data.find((byte) => byte > 1) : undefined;
  return wrong === undefined ? null : `expected bools of 0 or 1 but found ${wrong}`;
}

/**
 * Checks that dtype, shape and data of a tensor fit together and returns its byte size.
 * @throws {DinogradError} of kind "checkpoint"
 */
function checkStoredTensor(tensor: StoredTensor, place: string): number {
  const bytes = checkShape(tensor.shape, checkDType(tensor.dtype, place), place);
  if (tensor.data.byteLength !== bytes) {
    throw new DinogradError(
      "checkpoint",
      `${place}: expected ${bytes} bytes for ${tensor.dtype} ${
        plainOrQuoted(tensor.shape)
      } but found ${tensor.data.byteLength}`,
    );
  }
  checkBools(tensor.dtype, tensor.data, place);
  return bytes;
}
