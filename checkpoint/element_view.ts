/**
 * Reading stored tensors as numbers: what statistics, differences and averages need. Half formats are expanded by
 * their bit layout (IEEE 754 binary16; bfloat16 is the upper half of binary32).
 */
import { bytesPerElement, type StoredDType, type StoredTensor } from "./stored_tensor.ts";

/** Reads element `index` of a tensor as a float64; i64 beyond 2^53 is rounded. */
type ElementReader = (index: number) => number;

/** A reader of one tensor's elements, made once so that the loop over them does not dispatch on the dtype. */
export function elementReader(tensor: StoredTensor): ElementReader {
  const { data } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (tensor.dtype) {
    case "f64":
      return (index) => view.getFloat64(index * 8, true);
    case "f32":
      return (index) => view.getFloat32(index * 4, true);
    case "f16":
      return (index) => halfToNumber(view.getUint16(index * 2, true));
    case "bf16": {
      const scratch = new DataView(new ArrayBuffer(4));
      return (index) => {
        scratch.setUint32(0, view.getUint16(index * 2, true) << 16);
        return scratch.getFloat32(0);
      };
    }
    case "i64":
      return (index) => Number(view.getBigInt64(index * 8, true));
    case "i32":
      return (index) => view.getInt32(index * 4, true);
    case "i16":
      return (index) => view.getInt16(index * 2, true);
    case "i8":
      return (index) => view.getInt8(index);
    case "u8":
    case "bool":
      return (index) => data[index];
  }
}

/**
 * Writes element `index` of a float tensor from a float64, rounded to nearest even once.
 * @throws {RangeError} for a tensor whose elements are no floats
 */
export function elementWriter(tensor: StoredTensor): (index: number, value: number) => void {
  const { data } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (tensor.dtype) {
    case "f64":
      return (index, value) => view.setFloat64(index * 8, value, true);
    case "f32":
      return (index, value) => view.setFloat32(index * 4, value, true);
    case "f16":
      return (index, value) => view.setUint16(index * 2, numberToHalf(value), true);
    case "bf16":
      return (index, value) => view.setUint16(index * 2, numberToBfloat16(value), true);
    default:
      throw new RangeError(`elementWriter: expected a float dtype but found ${tensor.dtype}`);
  }
}

/**
 * Whether a dtype has fractions.
 *
 * @category Stored tensors
 */
export function isFloatDType(dtype: StoredDType): boolean {
  return dtype === "f64" || dtype === "f32" || dtype === "f16" || dtype === "bf16";
}

/**
 * All elements as float64, for small tensors and tests.
 *
 * @category Stored tensors
 */
export function toNumbers(tensor: StoredTensor): Float64Array {
  const read = elementReader(tensor);
  return Float64Array.from(
    { length: tensor.data.byteLength / bytesPerElement(tensor.dtype) },
    (_, index) => read(index),
  );
}

/**
 * binary16 to number: sign, 5 exponent bits (bias 15), 10 fraction bits. `DataView.getFloat16` does the same where there is
 * one: not in Node 20 and 22.
 */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

/** number to binary16, to nearest even; the tie is decided by the exact float64, so there is no double rounding. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  // One unit in the last place: 2^-24 among the subnormals, else 2^(exponent - 10).
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude || 1e-9)));
  const ulp = exponent === -14 || magnitude >= 2 ** exponent ? exponent - 10 : exponent - 11;
  const units = roundHalfEven(magnitude / 2 ** Math.max(ulp, -24));
  return sign | ((Math.max(ulp, -24) + 24) * 1024 + units);
}

/** number to bfloat16, to nearest even; the step through float32 is made harmless by rounding it to odd. */
export function numberToBfloat16(value: number): number {
  const scratch = new DataView(new ArrayBuffer(4));
  if (Number.isNaN(value)) return 0x7fc0;
  const single = Math.fround(value);
  scratch.setFloat32(0, single);
  let bits = scratch.getUint32(0);
  if (single !== value && (bits & 1) === 0) {
    // Inexact: step to the neighbour with an odd last bit on the side of the value, so that no tie is made or hidden.
    bits += Math.abs(single) < Math.abs(value) ? 1 : -1;
  }
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
